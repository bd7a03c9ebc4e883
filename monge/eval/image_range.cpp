#include "monge/eval/image_range.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/io/image.h"

namespace monge::eval {
namespace {

constexpr double kTolerance = 1e-4;

struct Range {
  double least, most;
};

/// The extremes of a checked batch.
Range range_of(const torch::Tensor& images, const char* where) {
  if (!images.is_floating_point() || images.dim() != 4 || images.size(1) != 3 || images.numel() == 0) {
    throw InputError({.what = "not a batch of images",
                      .where = where,
                      .value = text(images.scalar_type(), ' ', images.sizes()),
                      .allowed = "floats [N, 3, H, W], no dimension of size 0",
                      .fix = images.scalar_type() == torch::kUInt8 ? "for bytes use SignedImages::from_bytes" : ""});
  }
  const auto [least, most] = torch::aminmax(images.detach());
  const Range out = {least.item<double>(), most.item<double>()};
  // The extremes of a batch with a NaN are NaN.
  if (!std::isfinite(out.least) || !std::isfinite(out.most)) {
    throw InputError({.what = "images hold values that are not finite", .where = where});
  }
  return out;
}

[[noreturn]] void refuse(const char* what, const char* where, const Range& range, const char* allowed,
                         const char* fix) {
  throw InputError({.what = what,
                    .where = where,
                    .value = text("values from ", range.least, " to ", range.most),
                    .allowed = allowed,
                    .fix = fix});
}

const char* fix_for(const Range& range) {
  if (range.most > 1 + kTolerance)
    return "for values up to 255 use SignedImages::from_bytes with uint8; clamp values that overshoot";
  return "use SignedImages::from_signed for images in [-1, 1]; clamp values that overshoot";
}

}  // namespace

SignedImages SignedImages::from_bytes(const torch::Tensor& pixels) {
  const bool four = pixels.scalar_type() == torch::kUInt8 && pixels.dim() == 4 && pixels.numel() > 0;
  const bool channels_first = four && pixels.size(1) == 3, channels_last = four && pixels.size(3) == 3;
  if (channels_first == channels_last) {
    throw InputError({.what = channels_first ? "channels could be the first or the last axis" : "not a batch of images",
                      .where = "SignedImages::from_bytes",
                      .value = text(pixels.scalar_type(), ' ', pixels.sizes()),
                      .allowed = "uint8 [N, H, W, 3] or [N, 3, H, W], no dimension of size 0",
                      .fix = channels_first ? "scale them yourself and use from_signed" : ""});
  }
  const auto planes = channels_first ? pixels : pixels.permute({0, 3, 1, 2});
  return SignedImages(io::scale_to_float(planes.contiguous()));
}

SignedImages SignedImages::from_signed(const torch::Tensor& images, Doubt doubt) {
  constexpr auto where = "SignedImages::from_signed";
  const auto range = range_of(images, where);
  if (range.least < -1 - kTolerance || range.most > 1 + kTolerance) {
    refuse("images are out of range", where, range, "-1 to 1",
           "for values up to 255 use SignedImages::from_bytes with uint8; clamp values that overshoot");
  }
  if (doubt == Doubt::refuse && io::looks_like_unit_range(images)) {
    refuse("these images look as if they were in [0, 1]", where, range, "-1 to 1",
           "use SignedImages::from_unit, or pass Doubt::accept if they are truly this bright");
  }
  return SignedImages(images.detach().to(torch::kFloat32).clamp(-1, 1));
}

SignedImages SignedImages::from_unit(const torch::Tensor& images) {
  constexpr auto where = "SignedImages::from_unit";
  const auto range = range_of(images, where);
  if (range.least < -kTolerance || range.most > 1 + kTolerance) {
    refuse("images are out of range", where, range, "0 to 1", fix_for(range));
  }
  return SignedImages(images.detach().to(torch::kFloat32).clamp(0, 1).mul(2).sub(1));
}

torch::Tensor SignedImages::in_unit() const { return (images_ + 1) * 0.5; }

torch::Tensor SignedImages::in_255() const { return (images_ + 1) * 127.5; }

SignedImages SignedImages::slice(int64_t begin, int64_t end) const {
  require(0 <= begin && begin < end && end <= count(), "SignedImages: slice [", begin, ", ", end, ") of ", count(),
          " images");
  return SignedImages(images_.slice(0, begin, end));
}

void check_pairs(const char* what, const SignedImages& a, const SignedImages& b) {
  require(a.in_signed().sizes() == b.in_signed().sizes(), what,
          ": the images of a pair must have the same size, and both sides the same number of images; got ",
          a.in_signed().sizes(), " and ", b.in_signed().sizes());
}

}  // namespace monge::eval

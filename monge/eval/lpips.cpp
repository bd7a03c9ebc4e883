#include "monge/eval/lpips.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/io/torch_checkpoint.h"

namespace monge::eval {
namespace {

constexpr double kNormEpsilon = 1e-10;
constexpr int64_t kMostPixels = int64_t{1} << 17;  // in a batch: the first maps of VGG take 512 bytes a pixel

std::vector<torch::Tensor> heads_from(const io::TensorFile& state, LpipsNet net, const std::string& where,
                                      torch::Device device) {
  std::vector<torch::Tensor> out;
  for (const int64_t channels : LpipsTrunk::tap_channels(net)) {
    const auto key = "lin" + std::to_string(out.size()) + ".model.1.weight";
    const auto& head = state.at(key, where);
    if (head.sizes() != at::IntArrayRef({1, channels, 1, 1}) || !head.is_floating_point()) {
      throw InputError({.what = "the head " + key + " does not fit LPIPS with \"" + name_of(net) + '"',
                        .where = where,
                        .value = text(head.scalar_type(), ' ', head.sizes()),
                        .allowed = text("floats [1, ", channels, ", 1, 1]"),
                        .fix = "use the heads of LPIPS v0.1 that belong to this net"});
    }
    out.push_back(head.to(device, torch::kFloat32).reshape({channels, 1, 1}).contiguous());
  }
  return out;
}

torch::Tensor per_channel(double red, double green, double blue, torch::Device device) {
  return torch::tensor({red, green, blue}, torch::kFloat32).reshape({3, 1, 1}).to(device);
}

}  // namespace

Lpips::Lpips(LpipsNet net, const std::filesystem::path& trunk, const std::filesystem::path& heads, torch::Device device)
    : Lpips(net, real_files().read(trunk), trunk.string(), real_files().read(heads), heads.string(), device) {}

Lpips::Lpips(LpipsNet net, const std::string& trunk_bytes, const std::string& trunk_name,
             const std::string& heads_bytes, const std::string& heads_name, torch::Device device)
    : net_(net),
      device_(device),
      hash_(content_hash(trunk_bytes + heads_bytes)),
      trunk_(net, io::parse_torch_checkpoint(trunk_bytes, trunk_name), trunk_name, device),
      heads_(heads_from(io::parse_torch_checkpoint(heads_bytes, heads_name), net, heads_name, device)),
      shift_(per_channel(-.030, -.088, -.188, device)),
      scale_(per_channel(.458, .448, .450, device)) {}

std::vector<torch::Tensor> Lpips::normalised_taps(const SignedImages& images) const {
  auto out = trunk_.taps((images.in_signed().to(device_) - shift_) / scale_);
  for (auto& y : out) y = y / (y.square().sum(1, /*keepdim=*/true).sqrt_() + kNormEpsilon);
  return out;
}

torch::Tensor Lpips::distance(const SignedImages& a, const SignedImages& b, const BetweenBlocks& between_blocks) const {
  return distance_by_layer(a, b, between_blocks).sum(1);
}

torch::Tensor Lpips::distance_by_layer(const SignedImages& a, const SignedImages& b,
                                       const BetweenBlocks& between_blocks) const {
  check_pairs("LPIPS", a, b);
  const int64_t least = trunk_.least_size();
  require(a.height() >= least && a.width() >= least, "LPIPS: images of ", a.height(), " x ", a.width(),
          " pixels are too small for the net \"", name_of(net_), "\" (allowed: ", least, " x ", least, " or more)");
  // Made before the guard, so that callers may write into it.
  auto out = torch::empty({a.count(), static_cast<int64_t>(heads_.size())});
  const c10::InferenceMode inference;
  const int64_t step = std::max<int64_t>(1, kMostPixels / (a.height() * a.width()));
  for (int64_t begin = 0; begin < a.count(); begin += step) {
    const int64_t end = std::min(begin + step, a.count());
    // Two passes instead of one batch, so that equal images go through equal kernels and differ by 0.
    const auto of_a = normalised_taps(a.slice(begin, end)), of_b = normalised_taps(b.slice(begin, end));
    for (size_t l = 0; l < heads_.size(); ++l) {
      const auto gap = (of_a[l] - of_b[l]).square_() * heads_[l];
      out.slice(0, begin, end).select(1, static_cast<int64_t>(l)).copy_(gap.sum(1).mean({1, 2}));
    }
    if (between_blocks) between_blocks();
  }
  return out;
}

}  // namespace monge::eval

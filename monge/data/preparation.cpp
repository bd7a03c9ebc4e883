#include "monge/data/preparation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "monge/core/error.h"
#include "monge/data/pictures.h"

namespace monge::data {
namespace {

constexpr int64_t kMostSide = 4096, kMostBefore = 16384;

}  // namespace

Preparation::Preparation(const PreparationOptions& options)
    : options_(options),
      crop_(options.crop, double(options.width) / double(std::max<int64_t>(options.height, 1))),
      filter_(io::filter_named(options.filter)),
      background_(io::parse_colour(options.background, "background")) {
  for (const int64_t side : {options.height, options.width}) {
    require(side >= 1 && side <= kMostSide, "size: a side of the pictures must be 1 to ", kMostSide, " pixels, got ", side);
  }
  require(options.resize_to >= 0 && options.resize_to <= kMostBefore, "resize_to: the shorter side before the crop must be 1 to ",
          kMostBefore, " pixels, or 0 to leave it, got ", options.resize_to);
}

torch::Tensor Preparation::resized_first(const torch::Tensor& image_HWC) const {
  const int64_t height = image_HWC.size(0), width = image_HWC.size(1), shorter = std::min(height, width);
  if (options_.resize_to == 0 || shorter == options_.resize_to) return image_HWC;
  const auto scaled = [&](int64_t side) {
    const double exact = static_cast<double>(side) * static_cast<double>(options_.resize_to) / static_cast<double>(shorter);
    return std::max<int64_t>(1, std::llround(exact));
  };
  const int64_t to_height = scaled(height), to_width = scaled(width);
  require(std::max(to_height, to_width) <= 65536 && to_height * to_width <= io::kMostPixels, "resize_to = ", options_.resize_to,
          " makes a picture of ", width, "x", height, " ", to_width, "x", to_height, " pixels; choose a smaller one");
  return io::resize_uint8(image_HWC, to_height, to_width, filter_);
}

/// The common case without a tensor in between: RGB, its size brought down in one step.
void Preparation::write_rgb(const torch::Tensor& image_HWC, uint8_t* to) const {
  const int64_t width = image_HWC.size(1);
  const auto part = crop_.part(image_HWC.size(0), width);
  const uint8_t* from = image_HWC.const_data_ptr<uint8_t>() + (part.top * width + part.left) * 3;
  thread_local std::vector<uint8_t> lines;
  if (part.width != width) {
    constexpr size_t kMostKept = 1 << 22;
    const auto bytes = static_cast<size_t>(part.height * part.width * 3);
    if (lines.size() < bytes || lines.size() > kMostKept) lines = std::vector<uint8_t>(bytes);
    for (int64_t y = 0; y < part.height; ++y) std::copy_n(from + y * width * 3, part.width * 3, lines.data() + y * part.width * 3);
    from = lines.data();
  }
  io::resize_rgb(from, part.height, part.width, to, options_.height, options_.width, filter_);
}

void Preparation::write(const torch::Tensor& image_HWC, uint8_t* to) const {
  if (image_HWC.size(2) == 3 && options_.resize_to == 0 && !options_.grey) return write_rgb(image_HWC, to);
  auto image = io::to_rgb(crop_(resized_first(image_HWC)), background_);
  image = io::resize_uint8(image, options_.height, options_.width, filter_);
  if (options_.grey) image = io::to_grey(image);
  std::copy_n(image.data_ptr<uint8_t>(), item_bytes(), to);
}

bool Preparation::keeps(int64_t height, int64_t width) const {
  return height == options_.height && width == options_.width && !options_.grey &&
         (options_.resize_to == 0 || options_.resize_to == std::min(height, width)) && crop_.keeps(height, width);
}

void prepare_picture(const Pictures& pictures, int64_t i, std::string_view bytes, bool convert, const Preparation* preparation, uint8_t* to,
                     io::Conversion& conversion) {
  const auto image = pictures.decode(i, bytes, conversion);
  if (!convert && conversion != io::Conversion::none)
    throw Error(text(pictures.where(i), ": is ", io::conversion_name(conversion), ", and is not to be converted"));
  if (!preparation) return;
  try {
    preparation->write(image, to);
  } catch (const Error& error) {
    throw Error(text(pictures.where(i), ": ", error.what()));
  }
}

}  // namespace monge::data

#include "monge/data/crop.h"

#include <algorithm>
#include <cmath>
#include <regex>

#include "monge/core/error.h"

namespace monge::data {

Crop::Crop(const std::string& text, double proportion, const std::string& key) : proportion_(proportion) {
  if (text == "centre") return;
  if (text == "none") {
    kind_ = Kind::none;
    return;
  }
  static const std::regex form(R"((\d{1,6})x(\d{1,6})(?:(?:\+([+-]?\d{1,6})|(-\d{1,6})),([+-]?\d{1,6}))?)");
  std::smatch found;
  const bool fits = text.size() < 64 && std::regex_match(text, found, form);
  if (fits) {
    kind_ = Kind::fixed;
    width_ = std::stoll(found[1]);
    height_ = std::stoll(found[2]);
    for (const int dx : {3, 4}) {
      if (found[dx].matched) dx_ = std::stoll(found[dx]);
    }
    if (found[5].matched) dy_ = std::stoll(found[5]);
  }
  if (!fits || width_ == 0 || height_ == 0) {
    throw InputError({.what = "not a crop",
                      .where = key,
                      .value = '"' + text + '"',
                      .allowed = "centre, none, WxH, WxH+dx,dy in pixels",
                      .fix = "write for example \"140x140+0,15\""});
  }
}

Crop::Size Crop::part_of(int64_t height, int64_t width) const {
  if (kind_ == Kind::none) return {height, width};
  if (kind_ == Kind::fixed) return {height_, width_};
  const double exact = static_cast<double>(height) * proportion_;
  if (exact <= static_cast<double>(width)) return {height, std::max<int64_t>(1, std::llround(exact))};
  return {std::max<int64_t>(1, std::llround(static_cast<double>(width) / proportion_)), width};
}

bool Crop::keeps(int64_t height, int64_t width) const {
  const auto part = part_of(height, width);
  return part.height == height && part.width == width && dx_ == 0 && dy_ == 0;
}

Crop::Part Crop::part(int64_t height, int64_t width) const {
  const auto [part_height, part_width] = part_of(height, width);
  const int64_t top = (height - part_height) / 2 + dy_, left = (width - part_width) / 2 + dx_;
  if (part_height > height || part_width > width || top < 0 || left < 0 || top + part_height > height ||
      left + part_width > width) {
    throw InputError(text("the crop of ", part_width, "x", part_height, " moved by ", dx_, ",", dy_,
                          " reaches outside the image of ", width, "x", height,
                          "; choose a smaller crop, or crop = \"centre\""));
  }
  return {.top = top, .left = left, .height = part_height, .width = part_width};
}

Crop::ExactPart Crop::exact_part(double height, double width) const {
  if (kind_ == Kind::none) return {.top = 0, .left = 0, .height = height, .width = width};
  if (kind_ == Kind::centre) {
    const double part_width = std::min(width, height * proportion_),
                 part_height = std::min(height, width / proportion_);
    return {.top = (height - part_height) / 2,
            .left = (width - part_width) / 2,
            .height = part_height,
            .width = part_width};
  }
  part(std::llround(height), std::llround(width));  // throws if it reaches outside the image
  const auto part_height = static_cast<double>(height_), part_width = static_cast<double>(width_);
  return {.top = (height - part_height) / 2 + static_cast<double>(dy_),
          .left = (width - part_width) / 2 + static_cast<double>(dx_),
          .height = part_height,
          .width = part_width};
}

torch::Tensor Crop::operator()(const torch::Tensor& image_HWC) const {
  const int64_t height = image_HWC.size(0), width = image_HWC.size(1), channels = image_HWC.size(2);
  const auto p = part(height, width);
  if (p.height == height && p.width == width) return image_HWC;
  // Copies rows instead of calling narrow() and contiguous(), because in each loader thread LibTorch would start a
  // pool.
  auto out = torch::empty({p.height, p.width, channels}, torch::kUInt8);
  const auto* from = image_HWC.const_data_ptr<uint8_t>() + (p.top * width + p.left) * channels;
  auto* to = out.data_ptr<uint8_t>();
  for (int64_t y = 0; y < p.height; ++y, from += width * channels, to += p.width * channels) {
    std::copy_n(from, p.width * channels, to);
  }
  return out;
}

}  // namespace monge::data

// SVG drawings for tests.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "monge/core/error.h"
#include "monge/io/image.h"

namespace monge::testing {

inline const std::string kSvgRoot =
    R"(<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" )";

/// A drawing of 10 x 10 CSS pixels.
inline std::string drawing(const std::string& content, const std::string& size = R"(viewBox="0 0 10 10")") {
  return kSvgRoot + size + ">" + content + "</svg>";
}

inline std::string repeated_text(const std::string& word, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += word;
  return out;
}

constexpr auto kThousandPixels = "width='1000' height='1000'";

/// Takes gigabytes to draw: a pattern whose tile is far larger than what it fills.
inline std::string vast_tile() {
  return drawing(
      "<pattern id='p' patternUnits='userSpaceOnUse' width='20000' height='20000'><circle r='9999' cx='9999' "
      "cy='9999'/>"
      "</pattern><rect width='1000' height='1000' fill='url(#p)'/>",
      kThousandPixels);
}

/// Takes gigabytes to draw: 400 masks, each of which is masked by the next.
inline std::string masks_of_masks() {
  std::string masks;
  for (int k = 0; k < 400; ++k)
    masks += text("<mask id='m", k, "'><rect width='1000' height='1000' mask='url(#m", k + 1, ")'/></mask>");
  return drawing(masks + "<rect width='1000' height='1000' mask='url(#m0)'/>", kThousandPixels);
}

/// Draws the whole on `side` x `side` pixels.
inline torch::Tensor draw_on(const std::string& svg, int64_t side, const std::vector<std::string>& groups = {}) {
  io::DecodeOptions options;
  options.groups = groups;
  options.view = [side](double, double) {
    const auto length = static_cast<double>(side);
    return io::VectorView{.width = length, .height = length, .columns = side, .rows = side};
  };
  return io::decode_image(svg, "a.svg", options);
}

/// The values of one pixel.
inline std::vector<int> pixel(const torch::Tensor& image, int64_t y, int64_t x) {
  std::vector<int> out;
  for (int64_t c = 0; c < image.size(2); ++c) out.push_back(image[y][x][c].item<int>());
  return out;
}

}  // namespace monge::testing

#include "monge/session/pixel_sample.h"

#include <algorithm>

namespace monge::session {
namespace {

/// The order in which an image is divided into parts: square tiles from left to right and back, so that parts are
/// compact and not strips of a row.
constexpr int64_t kSampleTile = 32;

/// Calls visit(row, column) for each pixel, tile by tile.
template <class Visit>
void for_each_pixel(int64_t height, int64_t width, const Visit& visit) {
  bool backwards = false;
  for (int64_t top = 0; top < height; top += kSampleTile) {
    const int64_t tiles = (width + kSampleTile - 1) / kSampleTile;
    for (int64_t k = 0; k < tiles; ++k) {
      const int64_t left = (backwards ? tiles - 1 - k : k) * kSampleTile;
      for (int64_t y = top; y < std::min(height, top + kSampleTile); ++y) {
        for (int64_t x = left; x < std::min(width, left + kSampleTile); ++x) visit(y, x);
      }
    }
    backwards = !backwards;
  }
}

template <class Value>
torch::Tensor sample_values(const torch::Tensor& image, int64_t count, torch::Generator generator) {
  const auto pixels = image.contiguous();
  const int64_t height = pixels.size(0), width = pixels.size(1), channels = pixels.size(2);
  const bool has_alpha = channels % 2 == 0, is_grey = channels < 3;
  const auto* from = pixels.const_data_ptr<Value>();
  constexpr double kLargest = std::numeric_limits<Value>::max();
  const auto alpha = [&](const Value* pixel) { return has_alpha ? static_cast<int64_t>(pixel[channels - 1]) : 1; };
  int64_t total = 0;
  for (int64_t i = 0; i < height * width; ++i) total += alpha(from + i * channels);
  if (total == 0) return torch::empty({0, 3});

  const auto jitter = torch::rand({count}, generator, torch::kFloat64);
  const auto* u = jitter.const_data_ptr<double>();
  const double step = static_cast<double>(total) / static_cast<double>(count), last = static_cast<double>(total) - 0.5;
  auto out = torch::empty({count, 3});
  auto* to = out.mutable_data_ptr<float>();
  int64_t drawn = 0, passed = 0;
  for_each_pixel(height, width, [&](int64_t y, int64_t x) {
    const auto* pixel = from + (y * width + x) * channels;
    passed += alpha(pixel);
    while (drawn < count &&
           std::min((static_cast<double>(drawn) + u[drawn]) * step, last) < static_cast<double>(passed)) {
      for (int64_t c = 0; c < 3; ++c) {
        to[3 * drawn + c] = static_cast<float>(2 * static_cast<double>(pixel[is_grey ? 0 : c]) / kLargest - 1);
      }
      ++drawn;
    }
  });
  return out;
}

}  // namespace

torch::Tensor sample_pixels(const torch::Tensor& image, int64_t count, torch::Generator generator) {
  return image.scalar_type() == torch::kUInt16 ? sample_values<uint16_t>(image, count, std::move(generator))
                                               : sample_values<uint8_t>(image, count, std::move(generator));
}

bool has_transparency(const torch::Tensor& image) {
  if (image.size(2) % 2 != 0) return false;
  const bool sixteen = image.scalar_type() == torch::kUInt16;
  // Comparisons of uint16 are not implemented for every operator, so the values are widened.
  const auto alpha = image.select(2, -1).to(torch::kInt32);
  return alpha.min().item<int64_t>() < (sixteen ? 65535 : 255);
}

}  // namespace monge::session

// The pixels of a scatter plot. It is drawn three times as large and then averaged, which smooths every edge.
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/run/scatter_view.h"

namespace monge::run {
namespace {

constexpr int64_t kOversampling = 3;

class Canvas {
 public:
  explicit Canvas(int64_t side) : side_(side), pixels_(torch::full({side, side, 3}, 255, torch::kFloat32)) {}

  void disc(double x, double y, double radius, const Colour& colour, double opacity) {
    const auto first = [&](double centre) { return std::max<int64_t>(0, std::llround(centre - radius)); };
    const auto last = [&](double centre) { return std::min<int64_t>(side_ - 1, std::llround(centre + radius)); };
    for (int64_t row = first(y); row <= last(y); ++row) {
      for (int64_t column = first(x); column <= last(x); ++column) {
        const double dx = static_cast<double>(column) - x, dy = static_cast<double>(row) - y;
        if (dx * dx + dy * dy <= radius * radius) blend(row, column, colour, opacity);
      }
    }
  }

  void line(double x1, double y1, double x2, double y2, const Colour& colour, double opacity) {
    const auto steps = static_cast<int64_t>(std::max(std::abs(x2 - x1), std::abs(y2 - y1))) + 1;
    for (int64_t i = 0; i <= steps; ++i) {
      const double t = static_cast<double>(i) / static_cast<double>(steps);
      const int64_t row = std::llround(y1 + t * (y2 - y1)), column = std::llround(x1 + t * (x2 - x1));
      for (int64_t thickness : {0, 1}) blend(row + thickness, column, colour, opacity);
    }
  }

  torch::Tensor shrunk(int64_t factor) const {
    const auto planes = pixels_.permute({2, 0, 1}).unsqueeze(0);
    return torch::avg_pool2d(planes, factor).squeeze(0).permute({1, 2, 0}).round().to(torch::kUInt8).contiguous();
  }

 private:
  void blend(int64_t row, int64_t column, const Colour& colour, double opacity) {
    if (row < 0 || column < 0 || row >= side_ || column >= side_) return;
    float* pixel = pixels_.mutable_data_ptr<float>() + (row * side_ + column) * 3;
    for (int k = 0; k < 3; ++k) pixel[k] += static_cast<float>(opacity * (colour[k] - pixel[k]));
  }

  int64_t side_;
  torch::Tensor pixels_;
};

}  // namespace

torch::Tensor scatter_image(const Scatter& scatter, int64_t size) {
  require(size >= 100 && size <= 4000, "plot: size = ", size, " (allowed: 100..4000)");
  const auto view = view_of(scatter);
  const int64_t side = size * kOversampling;
  Canvas canvas(side);
  const double scale = static_cast<double>(side - 1) / view.side;
  const auto to_x = [&](double x) { return (x - view.left) * scale; };
  const auto to_y = [&](double y) { return static_cast<double>(side - 1) - (y - view.bottom) * scale; };
  for (const auto& s : view.segments) {
    canvas.line(to_x(s[0]), to_y(s[1]), to_x(s[2]), to_y(s[3]), kSegmentColour, kSegmentOpacity);
  }
  const double radius = point_radius(view, size) * kOversampling;
  for (const auto& layer : view.layers) {
    for (const auto& point : layer.points) {
      canvas.disc(to_x(point[0]), to_y(point[1]), radius, layer.colour, layer.opacity);
    }
  }
  return canvas.shrunk(kOversampling);
}

}  // namespace monge::run

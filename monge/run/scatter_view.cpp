#include "monge/run/scatter_view.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"

namespace monge::run {
namespace {

template <size_t N>
std::vector<std::array<double, N>> finite_rows(const char* part, const torch::Tensor& points) {
  std::vector<std::array<double, N>> out;
  if (!points.defined() || points.numel() == 0) return out;
  require(points.dim() == 2 && points.size(1) == static_cast<int64_t>(N), "scatter plot: ", part, " must be [N, ", N,
          "]; got ", points.sizes());
  const auto wide = points.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  const double* values = wide.const_data_ptr<double>();
  for (int64_t i = 0; i < wide.size(0); ++i) {
    std::array<double, N> row;
    std::copy_n(values + i * N, N, row.begin());
    // With larger values the width of the view would overflow.
    if (std::all_of(row.begin(), row.end(), [](double v) { return std::abs(v) < 1e150; })) out.push_back(row);
  }
  return out;
}

}  // namespace

ScatterView view_of(const Scatter& scatter) {
  ScatterView view;
  const std::pair<PointLayer, const torch::Tensor*> parts[] = {{{"source", {110, 110, 110}, 0.5, {}}, &scatter.source},
                                                               {{"target", {0, 114, 178}, 0.6, {}}, &scatter.target},
                                                               {{"images", {213, 94, 0}, 0.7, {}}, &scatter.images}};
  for (auto [layer, points] : parts) {
    layer.points = finite_rows<2>(layer.name, *points);
    if (!layer.points.empty()) view.layers.push_back(std::move(layer));
  }
  view.segments = finite_rows<4>("segments", scatter.segments);

  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  const auto include = [&](double x, double y) {
    const double point[2] = {x, y};
    for (int k : {0, 1}) {
      low[k] = std::min(low[k], point[k]);
      high[k] = std::max(high[k], point[k]);
    }
  };
  for (const auto& layer : view.layers) {
    for (const auto& point : layer.points) include(point[0], point[1]);
  }
  for (const auto& line : view.segments) {
    include(line[0], line[1]);
    include(line[2], line[3]);
  }
  if (low[0] > high[0]) include(0, 0);
  const double extent = std::max(high[0] - low[0], high[1] - low[1]);
  view.side = extent > 0 ? 1.08 * extent : std::max(std::abs(low[0]), 1.0);
  view.left = (low[0] + high[0] - view.side) / 2;
  view.bottom = (low[1] + high[1] - view.side) / 2;
  return view;
}

double point_radius(const ScatterView& view, int64_t size) {
  size_t most = 1;
  for (const auto& layer : view.layers) most = std::max(most, layer.points.size());
  const double scale = static_cast<double>(size) / 480;
  return scale * std::clamp(60 / std::sqrt(static_cast<double>(most)), 1.2, 3.5);
}

}  // namespace monge::run

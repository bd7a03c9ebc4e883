#include "monge/run/scatter_points.h"

#include <ATen/ops/linalg_eigh.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "monge/core/number.h"
#include "monge/run/sample_path.h"

namespace monge::run {
namespace {

using nlohmann::ordered_json;

constexpr int kDigits = 5;  // finer than a pixel of any plot

/// [[x, y], ...], with null for numbers that are not finite.
std::string pairs(const torch::Tensor& points_N2) {
  const auto points = points_N2.to(torch::kCPU, torch::kFloat64).contiguous();
  const double* at = points.const_data_ptr<double>();
  const auto value = [](double v) { return std::isfinite(v) ? number(v, kDigits) : std::string("null"); };
  std::string out = "[";
  for (int64_t i = 0; i < points.size(0); ++i, at += 2)
    out += (i > 0 ? ",[" : "[") + value(at[0]) + "," + value(at[1]) + "]";
  return out + "]";
}

}  // namespace

PlaneView::PlaneView(const torch::Tensor& samples, const std::vector<std::string>& columns) {
  const int64_t width = samples.size(1);
  const auto name = [&](size_t k) { return k < columns.size() ? columns[k] : "x" + std::to_string(k + 1); };
  names_[0] = name(0);
  names_[1] = width < 2 ? "" : name(1);
  if (width <= 2) return;
  names_[0] = "first principal component";
  names_[1] = "second principal component";
  const auto rows = samples.to(torch::kCPU, torch::kFloat64);
  centre_ = rows.mean(0);
  const auto centred = (rows - centre_).nan_to_num();
  // The two largest eigenvectors, of the smaller of the two Gram matrices.
  const bool wide = width > centred.size(0);
  const auto gram = wide ? centred.matmul(centred.t()) : centred.t().matmul(centred);
  const auto largest_two = std::get<1>(at::linalg_eigh(gram)).narrow(1, gram.size(0) - 2, 2).flip(1);
  directions_ = wide ? centred.t().matmul(largest_two) : largest_two;
  directions_ = directions_ / directions_.norm(2, 0, /*keepdim=*/true).clamp_min(1e-300);
  // A direction and its opposite fit equally; this choice makes the view a function of the samples.
  const auto largest = directions_.gather(0, directions_.abs().argmax(0, /*keepdim=*/true));
  directions_ = directions_ * torch::where(largest < 0, -1.0, 1.0);
}

torch::Tensor PlaneView::operator()(const torch::Tensor& points) const {
  const auto on_cpu = points.to(torch::kCPU, torch::kFloat64);
  if (directions_.defined()) return (on_cpu - centre_).matmul(directions_).to(torch::kFloat32);
  if (points.size(-1) == 2) return on_cpu.to(torch::kFloat32);
  return torch::cat({on_cpu, torch::zeros_like(on_cpu)}, -1).to(torch::kFloat32);
}

std::filesystem::path scatter_points_path(const std::filesystem::path& run, int64_t iteration) {
  return sample_path(run, iteration, ".json");
}

std::string scatter_points_json(const PlaneView& view, const torch::Tensor& source, const torch::Tensor& target,
                                const torch::Tensor& outputs) {
  const auto names = ordered_json{view.horizontal(), view.vertical()};
  std::string out = "{\"axes\":" + names.dump(-1, ' ', false, ordered_json::error_handler_t::replace) +
                    ",\"source\":" + pairs(source) + ",\"target\":" + pairs(target) + ",\"outputs\":[";
  for (int64_t k = 0; k < outputs.size(1); ++k) out += (k > 0 ? "," : "") + pairs(outputs.select(1, k));
  return out + "]}\n";
}

}  // namespace monge::run

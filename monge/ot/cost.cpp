#include "monge/ot/cost.h"

#include <cmath>
#include <cstdlib>

#include "monge/core/error.h"

namespace monge::ot {
namespace {

void require_samples(const char* cost, const torch::Tensor& x, const torch::Tensor& y) {
  require(y.dim() == x.dim() + 1 && y.size(0) == x.size(0), cost, ": y must be [B, Z, ...] for x [B, ...]; got x ",
          x.sizes(), " and y ", y.sizes());
  require(y.size(1) >= 2, cost, ": the spread over the noise needs at least 2 samples per input; got Z = ", y.size(1),
          "; set weak.z (or kernel.z) to 2 or more, or method = \"strong\"");
}

}  // namespace

void CostOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the problem");
  rows.add("scale", scale, "tau of the cost tau ||x-y||^2: mean (1/D), half (1/2) or a number");
}

void CostOptions::check() const { cost_scale(scale, 1); }

double cost_scale(const std::string& scale, int64_t dim) {
  if (scale == "mean") return 1.0 / static_cast<double>(dim);
  if (scale == "half") return 0.5;
  char* end = nullptr;
  const double number = std::strtod(scale.c_str(), &end);
  if (scale.empty() || *end != '\0' || !(number > 0) || !std::isfinite(number)) {
    throw InputError({.what = "cost.scale cannot be used",
                      .value = '"' + scale + '"',
                      .allowed = "\"mean\" (1/D), \"half\" (1/2) or a positive number"});
  }
  return number;
}

torch::Tensor squared_cost(const torch::Tensor& x, const torch::Tensor& y, double tau) {
  require(x.sizes() == y.sizes(), "squared_cost: x and y must have the same shape; got ", x.sizes(), " and ",
          y.sizes());
  return tau * (x - y).square().flatten(1).sum(1);
}

torch::Tensor distance_cost(const torch::Tensor& x, const torch::Tensor& y, double tau) {
  require(x.sizes() == y.sizes(), "distance_cost: x and y must have the same shape; got ", x.sizes(), " and ",
          y.sizes());
  return std::sqrt(tau) * (x - y).flatten(1).norm(2, /*dim=*/1);
}

torch::Tensor weak_cost(const torch::Tensor& x, const torch::Tensor& y, double tau, const HostOrDeviceScalar& gamma) {
  require_samples("weak_cost", x, y);
  const auto x_BD = x.flatten(1);
  const auto y_BZD = y.flatten(2);
  const auto distance_B = (y_BZD - x_BD.unsqueeze(1)).square().sum(2).mean(1);
  const auto variance_B = y_BZD.var(/*dim=*/1, /*unbiased=*/true).sum(1);
  return tau * (distance_B - gamma * variance_B);
}

torch::Tensor kernel_cost(const torch::Tensor& x, const torch::Tensor& y, double tau, const HostOrDeviceScalar& gamma) {
  require_samples("kernel_cost", x, y);
  const auto x_BD = x.flatten(1);
  const auto y_BZD = y.flatten(2);
  const auto distance_B = (y_BZD - x_BD.unsqueeze(1)).norm(2, /*dim=*/2).mean(1);
  const auto pairs =
      torch::triu_indices(y.size(1), y.size(1), /*offset=*/1, torch::dtype(torch::kInt64).device(y.device()));
  const auto spread_B = (y_BZD.index_select(1, pairs[0]) - y_BZD.index_select(1, pairs[1])).norm(2, /*dim=*/2).mean(1);
  return std::sqrt(tau) * (distance_B - gamma * (0.5 * spread_B));
}

}  // namespace monge::ot

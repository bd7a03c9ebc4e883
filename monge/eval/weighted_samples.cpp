#include "monge/eval/weighted_samples.h"

#include <torch/types.h>

#include <cmath>

namespace monge::eval {

double effective_fraction(const torch::Tensor& weights_N) {
  const auto weights = weights_N.to(torch::kFloat64);
  const double sum = weights.sum().item<double>(), squares = weights.square().sum().item<double>();
  return sum * sum / (static_cast<double>(weights.numel()) * squares);
}

torch::Tensor resampled_indices(const torch::Tensor& weights_N, torch::Generator generator) {
  const int64_t count = weights_N.numel();
  const auto weights = weights_N.to(torch::kFloat64);
  const double sum = weights.sum().item<double>();
  const auto order = torch::randperm(count, generator, torch::kInt64);
  if (!(sum > 0) || !std::isfinite(sum)) return order;
  const auto places = torch::arange(count, torch::kFloat64) + torch::rand({1}, generator, torch::kFloat64);
  const auto ends = weights.cumsum(0) * (static_cast<double>(count) / sum);
  return torch::searchsorted(ends, places, /*out_int32=*/false, /*right=*/true)
      .clamp_max(count - 1)
      .index_select(0, order);
}

}  // namespace monge::eval

// Limits of outputs in the type of the outputs.
#pragma once

#include <torch/types.h>

namespace monge::model {

/// The bound in another type, rounded towards `inside`: no clamped value may lie beyond the bound itself.
/// @param bound  float64.  @param inside  an infinity.
inline torch::Tensor rounded_inwards(const torch::Tensor& bound, torch::ScalarType type, double inside) {
  const auto nearest = bound.to(type);
  const auto gap = nearest.to(torch::kFloat64) - bound;
  const auto outside = inside > 0 ? gap < 0 : gap > 0;
  return torch::where(outside, torch::nextafter(nearest, torch::full_like(nearest, inside)), nearest);
}

}  // namespace monge::model

#include "monge/ot/regulariser.h"

#include <torch/autograd.h>

#include "monge/core/error.h"

namespace monge::ot {

torch::Tensor r1_penalty(const std::function<torch::Tensor(const torch::Tensor&)>& f, const torch::Tensor& y) {
  const auto y_leaf = y.detach().requires_grad_(true);
  const auto gradient = torch::autograd::grad({f(y_leaf).sum()}, {y_leaf}, {}, /*retain_graph=*/true,
                                              /*create_graph=*/true)[0];
  return 0.5 * gradient.square().flatten(1).sum(1).mean();
}

torch::Tensor expectile_penalty(const torch::Tensor& cost_map_B, const torch::Tensor& potential_map_B,
                                const torch::Tensor& cost_pair_B, const torch::Tensor& potential_pair_B,
                                double expectile, const torch::Tensor& scale) {
  require(expectile > 0 && expectile < 1, "potential.expectile_level must be between 0 and 1, got ", expectile);
  const auto u_B = cost_map_B - potential_map_B - cost_pair_B + potential_pair_B;
  const auto weight_B = (expectile - (u_B < 0).to(u_B.scalar_type())).abs();
  return (weight_B * u_B.square()).mean() / scale;
}

}  // namespace monge::ot

#include "monge/nn/gradient_map.h"

#include "monge/core/error.h"

namespace monge::nn {

GradientMap::GradientMap(std::shared_ptr<PotentialNet> potential, double tau)
    : potential_(register_module("potential", std::move(potential))), scale_(1 / (2 * tau)) {
  require(potential_->has_gradient(), "a gradient map needs a potential that computes its gradient: an mlp or an icnn");
}

torch::Tensor GradientMap::forward(const torch::Tensor& x) {
  return x - potential_->value_and_gradient(x).gradient_BD * scale_;
}

}  // namespace monge::nn

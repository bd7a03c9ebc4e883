#include "monge/nn/icnn.h"

#include <torch/types.h>

#include <cmath>

#include "monge/core/error.h"
#include "monge/nn/activation_curvature.h"

namespace monge::nn {
namespace {

/// softplus of it is 1.
const double kUnit = std::log(std::exp(1.0) - 1);

}  // namespace

IcnnPotential::IcnnPotential(const IcnnOptions& options) : options_(options) {
  require(options.dim >= 1 && options.dim <= 65'536, "icnn: dim = ", options.dim, " (allowed: 1..65536)");
  require(!options.hidden.empty(), "icnn: it needs a hidden layer");
  const auto lifts = register_module("lift", std::make_shared<torch::nn::Module>());
  const auto passes = register_module("pass", std::make_shared<torch::nn::Module>());
  int64_t below = 0;
  for (size_t l = 0; l < options.hidden.size(); ++l) {
    const int64_t width = options.hidden[l];
    require(width >= 1 && width <= 65'536, "icnn: hidden = ", width, " (allowed: 1..65536)");
    lifts_.push_back(lifts->register_module(std::to_string(l), torch::nn::Linear(options.dim, width)));
    if (l > 0) {
      passes_.push_back(passes->register_parameter(std::to_string(l), kUnit + 0.1 * torch::randn({width, below})));
    }
    below = width;
  }
  passes_.push_back(passes->register_parameter("last", torch::full({1, below}, -4.0)));
  linear_ = register_parameter("linear", torch::zeros({options.dim}));
  curvature_ = register_parameter("curvature", torch::full({}, kUnit));
}

torch::Tensor IcnnPotential::positive(size_t l) const {
  return torch::softplus(passes_[l]) / static_cast<double>(passes_[l].size(1));
}

void IcnnPotential::check_vectors(const torch::Tensor& y) const {
  require(y.dim() == 2 && y.size(1) == options_.dim, "icnn potential: the vectors must be [B, ", options_.dim,
          "]; got ", y.sizes());
}

torch::Tensor IcnnPotential::forward(const torch::Tensor& y, const torch::Tensor& sigma) {
  require(!sigma.defined(), "icnn potential: it takes no noise level");
  return value_and_gradient(y).value_B;
}

ValueAndGradient IcnnPotential::value_and_gradient(const torch::Tensor& y) {
  check_vectors(y);
  std::vector<torch::Tensor> slopes;
  torch::Tensor z;
  for (size_t l = 0; l < lifts_.size(); ++l) {
    auto before = lifts_[l]->forward(y);
    if (l > 0) before = before + torch::linear(z, positive(l - 1));
    slopes.push_back(activation_slope(Activation::elu, before));
    z = torch::elu(before);
  }
  const auto last = positive(passes_.size() - 1), curvature = torch::softplus(curvature_);
  auto up = last.expand({y.size(0), -1});
  auto map = linear_ + curvature * y;
  for (size_t l = lifts_.size(); l-- > 0;) {
    const auto down = up * slopes[l];
    map = map + torch::matmul(down, lifts_[l]->weight);
    if (l > 0) up = torch::matmul(down, positive(l - 1));
  }
  const auto square_B = y.square().sum(1);
  const auto phi_B = torch::linear(z, last).squeeze(1) + torch::mv(y, linear_) + 0.5 * curvature * square_B;
  return {options_.tau * (square_B - 2 * phi_B), 2 * options_.tau * (y - map)};
}

}  // namespace monge::nn

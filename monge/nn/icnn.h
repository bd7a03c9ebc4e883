// Input-convex networks (Amos, Xu, Kolter 2017) as potentials whose gradient map is monotone.
#pragma once

#include <torch/nn/modules/linear.h>

#include <memory>
#include <string>
#include <vector>

#include "monge/nn/module.h"

namespace monge::nn {

struct IcnnOptions {
  int64_t dim = 2;                           ///< D; 1..65536
  std::vector<int64_t> hidden = {128, 128};  ///< widths of the hidden layers, 1..65536 each; at least one
  double tau = 0.5;                          ///< in the cost tau ||x - y||^2
};

/// f(y) = tau ||y||^2 - 2 tau phi(y), with phi convex, so that the gradient map y - grad f(y) / (2 tau) is grad phi,
/// the gradient of a convex function, as Brenier's theorem demands of the optimal map:
///
///     z_1 = elu(A_1 y + b_1),  z_l = elu(P_l z_(l-1) + A_l y + b_l),  phi(y) = p z_L + y'b + a/2 ||y||^2
///
/// P_l and p are softplus of free weights over the number of inputs, so positive; a = softplus of a free number that
/// starts so that phi is ||y||^2 / 2 plus a small term: the map starts near the identity. By LibTorch's operators.
/// Keys: lift.L.weight, lift.L.bias (A, b), pass.L (P before softplus), last, linear, curvature.
class IcnnPotential : public PotentialNet {
 public:
  /// @throws InputError for an option out of its range.
  explicit IcnnPotential(const IcnnOptions& options);

  /// @param y  [B, dim].
  torch::Tensor forward(const torch::Tensor& y, const torch::Tensor& sigma = {}) override;

  ValueAndGradient value_and_gradient(const torch::Tensor& y) override;
  bool has_gradient() const override { return true; }

  const IcnnOptions& options() const { return options_; }

 private:
  /// Positive weights from the free ones of pass l.
  torch::Tensor positive(size_t l) const;
  void check_vectors(const torch::Tensor& y) const;

  IcnnOptions options_;
  std::vector<torch::nn::Linear> lifts_;
  std::vector<torch::Tensor> passes_;  ///< of the layers after the first, then the last one [1, width]
  torch::Tensor linear_, curvature_;
};

}  // namespace monge::nn

// Gradient maps: by Brenier's theorem the optimal map of the squared cost is x minus a gradient.
#pragma once

#include <memory>

#include "monge/nn/module.h"

namespace monge::nn {

/// T(x) = x - grad g(x) / (2 tau), for the cost tau ||x - y||^2 and a potential g of the source.
///
/// If g is optimal for the reversed problem (high on the source's samples), T is the optimal map; likewise the
/// potential f of this map's problem makes the inverse map y - grad f(y) / (2 tau). So two nets are enough for both
/// directions. Keys: potential.*, those of g.
class GradientMap : public MapNet {
 public:
  /// @param potential  g; may be shared with others.  @param tau  > 0.
  /// @throws InputError for a potential without has_gradient().
  GradientMap(std::shared_ptr<PotentialNet> potential, double tau);

  /// @param x  [B, D].
  torch::Tensor forward(const torch::Tensor& x) override;

  const std::shared_ptr<PotentialNet>& potential() const { return potential_; }
  double scale() const { return scale_; }  ///< 1 / (2 tau)

 private:
  std::shared_ptr<PotentialNet> potential_;
  double scale_;
};

}  // namespace monge::nn

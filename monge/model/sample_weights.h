// The weights that an unbalanced problem gives to samples.
#pragma once

#include <torch/types.h>

#include <memory>

#include "monge/nn/module.h"
#include "monge/ot/unbalanced.h"
#include "monge/solve/options.h"

namespace monge::model {

/// The densities of the plan's two marginals relative to the data, from the trained potential (see ot::Divergence):
///
///     source   w(x) = Psi_source*'( (f(T(x)) - c(x, T(x))) / alpha )
///     target   w(y) = Psi_target*'( -f(y) / alpha )
///
/// A weight near 0 marks a sample that the plan leaves out. The mean over the data is the mass that the plan moves; it
/// is the same for both sides, and 1 if one of them is fixed.
class SampleWeights {
 public:
  /// @param potential  f, in evaluation mode.
  /// @param options    of a trained recipe.  @param dim  entries of an item.  @param iteration  outer iterations done.
  SampleWeights(std::shared_ptr<nn::PotentialNet> potential, const solve::SolverOptions& options, int64_t dim,
                int64_t iteration);

  /// Whether a problem with these options has weights other than 1.
  static bool apply_to(const solve::SolverOptions& options) { return options.unbalanced.marginals().relaxed(); }

  /// @param x  source samples as the map took them, [N, ...item].  @param y  T(x).  All in the units of the nets.
  /// @return   [N], float32 on the CPU, >= 0.
  torch::Tensor of_source(const torch::Tensor& x, const torch::Tensor& y) const;
  /// @param y  target samples, [N, ...item].
  torch::Tensor of_target(const torch::Tensor& y) const;

  const std::shared_ptr<nn::PotentialNet>& potential() const { return potential_; }

 private:
  torch::Tensor values_of(const torch::Tensor& y) const;

  std::shared_ptr<nn::PotentialNet> potential_;
  ot::Marginals marginals_;
  double alpha_, tau_;
};

}  // namespace monge::model

// Samples as an unbalanced plan weighs them.
#pragma once

#include <torch/types.h>

namespace monge::eval {

/// What the weights of the samples of both sides say: their means, which are the masses of the plan's marginals, and
/// effective_fraction.
struct WeightStatistics {
  double source_mass = 1, target_mass = 1, source_effective = 1, target_effective = 1;
};

/// Kish's effective sample size over the number of samples, (sum w)^2 / (N sum w^2): 1 for equal weights, 1/N if one
/// sample has all of the weight; NaN if the weights are not finite or all 0.
double effective_fraction(const torch::Tensor& weights_N);

/// N indices in random order, of which i occurs N w_i / sum w times, rounded up or down (systematic resampling). Equal
/// weights give each index once, and so do weights whose sum is not above 0.
/// @param weights_N  >= 0.
torch::Tensor resampled_indices(const torch::Tensor& weights_N, torch::Generator generator);

}  // namespace monge::eval

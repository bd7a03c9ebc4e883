// How far the conditional distributions of a plan are from those of a known entropic plan.
#pragma once

#include <torch/types.h>

#include "monge/data/entropic_mixture.h"

namespace monge::eval {

/// cBW2-UVP in percent (Gushchin et al. 2023), the conditional Bures-Wasserstein distance
///
///     100 mean_i W2^2( N(moments of the K outputs of x_i), N(moments of pi(.|x_i)) ) / Var Q
///
/// Its value for draws of the plan itself falls as 1/K and grows with the dimension; compare with plan_uvp_floor.
/// @param x_ND             inputs.  @param y_NKD  K >= 2 outputs of each.
/// @param target_variance  trace of the target's covariance.
/// @throws InputError for shapes that do not fit.
double plan_uvp(const data::EntropicMixture& plan, const torch::Tensor& x_ND, const torch::Tensor& y_NKD,
                double target_variance);

/// The same of `samples` draws of the plan for each input.
double plan_uvp_floor(const data::EntropicMixture& plan, const torch::Tensor& x_ND, int64_t samples,
                      double target_variance);

/// The number of inputs on which the metric is taken, those of the literature.
inline constexpr int64_t kPlanInputs = 500;

}  // namespace monge::eval

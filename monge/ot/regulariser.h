// Regularisers of the potential.
#pragma once

#include <torch/types.h>

#include <functional>

namespace monge::ot {

/// R1 penalty on target samples, Mescheder et al. 2018:
///
///     R1 = 1/2 * mean_B ||grad_y f(y)||^2
///
/// @param f  the potential, [B, ...] -> [B]; sample b of its output depends on sample b of its input alone.
/// @param y  target samples [B, ...]; detached inside.
/// @return   scalar, differentiable in the parameters of f. The caller applies its weight, and the factor n if it
/// computes R1 in every n-th step.
torch::Tensor r1_penalty(const std::function<torch::Tensor(const torch::Tensor&)>& f, const torch::Tensor& y);

/// Expectile regularisation of the potential, Buzun et al. 2024 (ENOT), on arbitrarily paired samples:
///
///     u_b = c(x_b, T(x_b)) - f(T(x_b)) - c(x_b, y_b) + f(y_b),     E = mean_b |e - 1(u_b < 0)| u_b^2 / s
///
/// where s is a scale of the cost. E then has the units of the cost, as the loss of f has, so that the weight of the
/// term depends neither on cost.scale nor on the dimension. The solver takes s = mean_b c(x_b, y_b).
///
/// @param cost_map_B, potential_map_B    c(x, T(x)) and f(T(x)), [B]; T without gradient.
/// @param cost_pair_B, potential_pair_B  c(x, y) and f(y), [B].
/// @param expectile  e in (0, 1), 0.9 .. 0.99 in the literature.
/// @param scale      s, a scalar > 0.
/// @return           scalar, differentiable in f.
torch::Tensor expectile_penalty(const torch::Tensor& cost_map_B, const torch::Tensor& potential_map_B,
                                const torch::Tensor& cost_pair_B, const torch::Tensor& potential_pair_B,
                                double expectile, const torch::Tensor& scale);

}  // namespace monge::ot

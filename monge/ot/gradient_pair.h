// The losses of a simultaneous update whose map is a gradient map, in one or both directions, from values and gradients
// of the potentials alone.
#pragma once

#include <torch/types.h>

#include <functional>
#include <utility>

#include "monge/ot/unbalanced.h"

namespace monge::ot {

/// A potential and its gradient at points [B, D].
using GradientPotential =
    std::function<std::pair<torch::Tensor, torch::Tensor>(const torch::Tensor& points)>;  ///< [B], [B, D]

/// The weights of the terms of gradient_pair_loss.
struct GradientPairOptions {
  double tau = 0.5;               ///< in the cost tau ||x - y||^2
  double potential_weight = 1;    ///< of L_f beside L_T; both are losses of one net where each has two roles
  double expectile = 0;           ///< weight of the expectile regulariser; 0: off
  double expectile_level = 0.9;   ///< its level
  torch::Tensor expectile_scale;  ///< the regulariser is divided by it (see expectile_penalty); undefined: by 1
  double r1 = 0;                  ///< weight of the R1 penalty; 0: off
  bool both = true;               ///< whether the reversed problem is trained too
  Marginals marginals = {};       ///< of the forward problem; where one is relaxed L_f is that of unbalanced_loss
  HostOrDeviceScalar alpha = 1;   ///< weight of the divergences
};

/// The losses of one batch; scalars.
struct GradientPairLoss {
  torch::Tensor total;           ///< the sum of all terms, with the graph
  torch::Tensor map, potential;  ///< of the forward direction as map_loss and potential_loss define them, detached
  torch::Tensor cost;            ///< mean c(x, T(x)), detached
  torch::Tensor fake;            ///< mean f(T(x)), detached
};

/// ENOT (Buzun, Bobrin, Dylov 2024) with both potentials in both roles, on one batch (x_b, y_b). With
/// T(x) = x - grad g(x) / (2 tau) and S(y) = y - grad f(y) / (2 tau):
///
///     L_T = mean c(x, T(x)) - f(T(x))            over g, through T
///     L_f = mean f(T(x)) - f(y) + lambda E_e( c(x, T(x)) - f(T(x)) - c(x, y) + f(y) )     over f, T without gradient
///
/// and the same with (x, T, f) and (y, S, g) exchanged if `both`; E_e(u) = |e - 1(u < 0)| u^2. The total is the sum of
/// the L_T and of potential_weight times the L_f. A weight below 1 lets the maps follow the potentials, as K_T map
/// updates do in the alternating form.
///
/// Each net is evaluated at two sets of points, its own samples and the other net's outputs, for value and gradient at
/// once. The derivative of L_T in T is 2 tau (T - x) - grad f(T), which needs no graph through f. Both directions see
/// the same samples: if the caller smooths x, the inverse map leads from y to the smoothed x.
GradientPairLoss gradient_pair_loss(const GradientPotential& g, const GradientPotential& f, const torch::Tensor& x_BD,
                                    const torch::Tensor& y_BD, const GradientPairOptions& options);

}  // namespace monge::ot

// The losses of the map and of the potential, from a method's cost and the potential.
#pragma once

#include <torch/types.h>

#include "monge/ot/method.h"
#include "monge/ot/potential_augmentation.h"

namespace monge::ot {

/// The parts of the map's loss: `loss` for the update, the others as metrics.
struct MapLoss {
  torch::Tensor loss;       ///< scalar, minimised over T
  torch::Tensor cost;       ///< scalar, mean transport cost, detached
  torch::Tensor potential;  ///< scalar, mean f(T(x)), detached
};

/// The loss of the map:
///
///     mean_b w_b ( C(x_b, y_b.) - mean_z f(A_b y_bz + n_b, sigma_b) ),   w = 1 and n = 0 without a perturbation
///
/// @param y             outputs [B, Z, ...].
/// @param augmentation  A; undefined: the identity.
MapLoss map_loss(const Method& method, const Potential& f, const torch::Tensor& x, const torch::Tensor& y,
                 const Perturbation& perturbation, const ScheduleValues& values,
                 const PotentialAugmentation& augmentation = {});

/// The parts of the potential's loss.
struct PotentialLoss {
  torch::Tensor loss;    ///< scalar, minimised over f
  torch::Tensor fake_B;  ///< f on outputs (perturbed if the method perturbs them), with gradient
  torch::Tensor real_B;  ///< f on target samples, likewise
};

/// The loss of the potential, from one batched call of f:
///
///     mean_b w_b ( f(A_b T(x_b) + n_b, sigma_b) - f(A_b y_b + n_b, sigma_b) ),   w = 1 and n = 0 without a
///     perturbation
///
/// Both sides have the same noise and augmentation, so that f learns the difference of the two distributions and not
/// that of two draws.
/// @param fake  outputs [B, ...] without gradient.  @param real  target samples of the same shape.
/// @throws InputError if the shapes differ.
PotentialLoss potential_loss(const Potential& f, const torch::Tensor& fake, const torch::Tensor& real,
                             const Perturbation& perturbation, const PotentialAugmentation& augmentation = {});

}  // namespace monge::ot

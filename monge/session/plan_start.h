// Starting weights for a training with the squared cost, from the exact plan of a few samples.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <cstdint>

#include "monge/nn/module.h"
#include "monge/train/recipe.h"

namespace monge::session {

/// Fits the nets of `recipe` to the exact plan between x and y for the cost 1/2 |x - y|^2, for Trainer::start_from.
///
/// The map is fitted to the plan's mean target of each x_i, and the potential to the dual values v_j at y_j, with the
/// gradient y_j - x_i of an optimal pair. The plan of N samples has the error of N samples, and the nets smooth it. So
/// the training begins near its saddle point, where the two nets need not chase each other, and it corrects what the
/// samples do not show.
/// @param x_ND, y_ND  float32 on the CPU, at most eval::kMostPlanPoints rows each.
/// @param steps       updates of each net.
/// @param stop        ends the fit early.
/// @return the tensors of map, average and potential, by the names of Solver::state.
nn::NamedTensors start_from_plan(const train::Recipe& recipe, const torch::Tensor& x_ND, const torch::Tensor& y_ND,
                                 int64_t steps, const std::atomic<bool>& stop);

}  // namespace monge::session

// A map learned from exact plans of samples, for problems of few dimensions.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <cstdint>
#include <functional>

#include "monge/nn/module.h"

namespace monge::session {

struct PlanFitOptions {
  int64_t steps = 0;  ///< updates of the map
  int64_t batch = 1;  ///< samples of an update, at most all
  double rate = 0;    ///< the first rate of Adam; it falls to 0 by a cosine
};

/// For every x_i the mean of its partners in an optimal plan of 1/2 |x - y|^2, [N, D] float32 (the plan's barycentric
/// projection).
///
/// The samples are divided into `parts` sets, one plan each, by which plans stay small. Set k has the rows k,
/// k + parts, ..., so that samples in the order of an image's pixels give sets that are alike.
/// @param x_ND, y_MD  float32 on the CPU; N and M multiples of `parts`, each set at most eval::kMostPlanPoints rows.
/// @param threads     the largest number of plans at a time.
/// @param stop        ends the work early; then the rest of the result is 0.
/// @throws InputError for other numbers of rows, or values that are not finite.
torch::Tensor partners_by_plan(const torch::Tensor& x_ND, const torch::Tensor& y_MD, int64_t parts, int64_t threads,
                               const std::atomic<bool>& stop);

/// Fits a map to pairs by least squares: T ~ argmin sum_i |T(x_i) - y_i|^2. For partners by exact plans, T becomes the
/// optimal map but for the error of the samples, most of which a smooth T averages out.
/// @param map, x_ND, y_ND  float32 on one device.
/// @param generator  on the CPU; chooses the samples of the updates.
/// @param report  called with (step, steps); may be empty.
/// @param stop    ends the fit early.
void fit_to_pairs(nn::MapNet& map, const torch::Tensor& x_ND, const torch::Tensor& y_ND, const PlanFitOptions& options,
                  torch::Generator generator, const std::function<void(int64_t, int64_t)>& report,
                  const std::atomic<bool>& stop);

}  // namespace monge::session

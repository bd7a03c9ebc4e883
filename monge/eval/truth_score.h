// Distances by which the outputs on a known case are judged, whether monge trained the map (truth.h) or another program
// made the outputs (output_score.h).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace monge::eval {

/// The number of samples of each side in an exact plan.
inline constexpr int64_t kTruthPoints = 1024;

/// Mean |a_i - b_i|^2 of the rows of [N, D], in float64.
double mean_square_gap(const torch::Tensor& a_ND, const torch::Tensor& b_ND);

/// Distances of outputs to target samples, beside those that a perfect map and the worst map have.
struct TargetDistances {
  double w2_squared = 0;       ///< between y and a, by the exact plan
  double floor = 0;            ///< the same between b and a: of a perfect map
  double collapse = 0;         ///< the same between a and its mean: of a map that sends all to one point
  double energy = 0;           ///< between y and a, see energy_distance; all pairs
  double energy_floor = 0;     ///< the same between b and a
  double energy_collapse = 0;  ///< the same between a and its mean

  /// Adds `fraction` times the other, for means over several samples.
  void add(const TargetDistances& other, double fraction);
};

/// @param y  [N, D] outputs.
/// @param a,b  [N, D] independent target samples. @throws InputError as exact_plan and energy_distance.
TargetDistances target_distances(const torch::Tensor& y, const torch::Tensor& a, const torch::Tensor& b);

/// one-to-many: the fraction of outputs y [N, D] on the upper branch, for each eighth of the segment from -1 to 1 in
/// which the first coordinate of x [N, D] lies; NaN for a part without inputs.
std::vector<double> branch_fractions(const torch::Tensor& x, const torch::Tensor& y);

}  // namespace monge::eval

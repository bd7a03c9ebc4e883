// Distances of the outputs of a map to the target, and to the true map if it is known.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "monge/dist/process_group.h"
#include "monge/eval/evaluation_progress.h"

namespace monge::eval {

/// How expectations over pairs are estimated from samples.
enum class Pairs {
  /// V-statistic: every pair, including i = j. Never negative, and 0 for equal sets; too high by about
  /// E|a-a'|/N + E|b-b'|/M.
  all,
  /// U-statistic: pairs with i != j. Unbiased, so for equal laws it scatters around 0, also below it.
  distinct
};

/// Energy distance of two samples. For laws it is 0 only if they are equal.
///
///     2 E|a - b|  -  E|a - a'|  -  E|b - b'|
///
/// Szekely and Rizzo 2013. In float64, in blocks of at most 2^22 distances; time grows with N M D.
/// @param a  [N, ...], any float type.
/// @param b  [M, ...], entries of the same shape.
/// @param group  all ranks call this with the same samples; each computes a slice of the distances.
/// @param between_blocks  may be empty.
/// @return NaN or infinity if a sample is not finite.
/// @throws InputError if the entries' shapes differ, or if N or M is 0 (or 1 for distinct pairs).
double energy_distance(const torch::Tensor& a, const torch::Tensor& b, Pairs pairs = Pairs::all,
                       dist::ProcessGroup& group = dist::ProcessGroup::single(),
                       const BetweenBlocks& between_blocks = {});

/// Squared Wasserstein-2 distance of the projections of two samples on random directions, averaged over the directions.
/// The directions are uniform on the unit sphere and depend on `seed` alone. N and M may differ, because the quantile
/// functions are compared. For D = 1 it is the W2^2 of the samples.
/// @throws InputError as above, or if projections < 1.
double sliced_wasserstein(const torch::Tensor& a, const torch::Tensor& b, int64_t projections = 256, uint64_t seed = 0);

/// Unexplained variance of a map in percent: 100 E||prediction - truth||^2 / target_variance. Korotin et al. 2021.
/// @param prediction,truth  [N, ...], the map and the optimal map on the same inputs.
/// @param target_variance   trace of the target's covariance, > 0.
double l2_uvp(const torch::Tensor& prediction, const torch::Tensor& truth, double target_variance);

/// Cosine between the displacements of a map and of the optimal one; 0 if either moves nothing.
///
///     E<truth - x, prediction - x> / sqrt(E||truth - x||^2 E||prediction - x||^2)
double displacement_cosine(const torch::Tensor& x, const torch::Tensor& prediction, const torch::Tensor& truth);

/// A distance to the target, beside those of target samples and of the inputs.
struct PushForwardError {
  double error = 0;  ///< energy distance of the outputs to held-out target samples, all pairs
  double floor = 0;  ///< the same of as many other target samples: the error of a perfect map
  double start = 0;  ///< the same of the inputs: the error of a map that does nothing
};

/// All three use the same number of points, because the estimate falls with it.
/// @param inputs    [N, ...], held-out x.
/// @param outputs   [N, ...], T(x).
/// @param target_a  [M, ...], held-out target samples.
/// @param target_b  [K, ...], other target samples; if K < N, only the first K inputs and outputs are used.
/// @throws InputError if a set is empty, or as energy_distance.
PushForwardError push_forward_error(const torch::Tensor& inputs, const torch::Tensor& outputs,
                                    const torch::Tensor& target_a, const torch::Tensor& target_b,
                                    dist::ProcessGroup& group = dist::ProcessGroup::single(),
                                    const BetweenBlocks& between_blocks = {});

/// How much the outputs for one input differ: the root mean square over entries of the difference of two outputs,
/// averaged over pairs of outputs and over inputs. 0 if the map ignores its noise.
/// @param outputs  [B, K, ...], K >= 2 outputs per input. @throws InputError for fewer.
double output_diversity(const torch::Tensor& outputs);

}  // namespace monge::eval

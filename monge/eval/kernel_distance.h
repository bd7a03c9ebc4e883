// The kernel distance between two samples of features: KID for features of the FID Inception net.
#pragma once

#include <torch/types.h>

#include "monge/dist/process_group.h"
#include "monge/eval/evaluation_progress.h"

namespace monge::eval {

struct KernelDistance {
  double value = 0;           ///< unbiased, so it may be a little below 0 for equal laws
  double standard_error = 0;  ///< of `value`, over random samples
};

/// Maximum mean discrepancy with the kernel k(x, y) = (x.y / F + 1)^3 over all pairs of the whole samples, unbiased:
///
///     sum_{i != j} k(a_i, a_j) / (n (n - 1)) + sum_{i != j} k(b_i, b_j) / (m (m - 1)) - 2 mean k(a_i, b_j)
///
/// Binkowski et al. 2018 average it over random subsets of 1,000; the whole samples add no such randomness. The
/// standard error is that of the first-order projection of the U-statistic,
///
///     4 Var_i(mean_j k(a_i, a_j) - mean_j k(a_i, b_j)) / n + the same of b,
///
/// which is right if the laws differ and too low if they are equal. Computed in float64 and in blocks; time grows with
/// (n + m)^2 F.
/// @param a_NF,b_MF  any float type.
/// @param group      all ranks call this with the same samples; each computes a slice of the pairs.
/// @param between_blocks  may be empty.
/// @throws InputError if F differs, for fewer than 2 samples, or for NaN and infinity.
KernelDistance kernel_distance(const torch::Tensor& a_NF, const torch::Tensor& b_MF,
                               dist::ProcessGroup& group = dist::ProcessGroup::single(),
                               const BetweenBlocks& between_blocks = {});

}  // namespace monge::eval

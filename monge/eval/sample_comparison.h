// Distances of sets of samples from one reference set, as the literature of single cells reports them.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "monge/core/named_metrics.h"

namespace monge::eval {

/// Distances between samples a_i and reference samples m_j. Norms are Euclidean. `energy` and `mmd_squared` are
/// unbiased (pairs of a set without i = i), so for equal laws they scatter around 0, also below it.
struct SampleDistances {
  double energy = 0;       ///< E|a - m| - 1/2 E|a - a'| - 1/2 E|m - m'|: half of what energy_distance gives
  double mmd_squared = 0;  ///< E k(a, a') + E k(m, m') - 2 E k(a, m), see SampleComparison
  double w1 = 0;           ///< E|a - m| of the exact plan for the cost |a - m|
  double w2 = 0;           ///< the square root of E|a - m|^2 of the exact plan for the cost |a - m|^2

  NamedMetrics named() const;
};

/// Compares sets with one reference set. All sets are compared by the same kernel and with the same reference samples.
///
///     k(x, y) = 1/5 sum_s exp(-|x - y|^2 / (2 s^2 h^2)),    s = 1/4, 1/2, 1, 2, 4
///
/// with h the median of |m - m'| over the pairs i < j of at most 2,048 reference samples (the median heuristic: Gretton
/// et al. 2012). Energy distance and MMD are of all pairs of all samples, in float64 and in blocks of at most 2^19
/// distances; their time grows with N M D. W1 and W2 are of random samples, because exact plans are costly, and their
/// values depend on how many these are.
class SampleComparison {
 public:
  /// @param reference_MD  any float type, finite, M >= 4.
  /// @param plan_points   samples of each side in an exact plan: at most this number and half of the reference set, so
  ///                      that floor() has as many; [2, kMostPlanPoints].
  /// @param seed          of the choice of these samples and of the halves.
  /// @throws InputError for another shape, too few samples or plan_points out of range; where half of the pairs or more
  /// are equal.
  SampleComparison(const torch::Tensor& reference_MD, int64_t plan_points, uint64_t seed);

  /// @param a_ND  any float type, finite, N >= plan_points(). @throws InputError for another D or fewer samples.
  SampleDistances compare(const torch::Tensor& a_ND) const;

  /// The same between two random halves of the reference set: the value of a perfect set of half its size.
  SampleDistances floor() const;

  int64_t plan_points() const { return plan_points_; }
  double bandwidth() const { return bandwidth_; }  ///< h

 private:
  /// Means over pairs: of |x - y| and of k(x, y).
  struct PairMeans {
    double distance = 0, kernel = 0;
  };
  PairMeans between(const torch::Tensor& a_ND, const torch::Tensor& b_MD) const;
  PairMeans within(const torch::Tensor& a_ND) const;
  SampleDistances combined(const torch::Tensor& a_ND, const PairMeans& a, const torch::Tensor& b_MD,
                           const PairMeans& b) const;

  torch::Tensor reference_MD_;  ///< float64, in random order
  int64_t plan_points_;
  uint64_t seed_;
  double bandwidth_ = 0;
  PairMeans within_reference_;
};

}  // namespace monge::eval

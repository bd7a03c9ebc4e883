// Mean and covariance of features, summed batch by batch.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "monge/dist/process_group.h"

namespace monge::eval {

struct Moments {
  int64_t count = 0;
  torch::Tensor mean_F;         ///< [F] float64
  torch::Tensor covariance_FF;  ///< [F, F] float64, divisor count - 1 as numpy.cov
};

/// Sums in float64 over blocks of a fixed number of rows, however the rows arrive, so that the result does not depend
/// on the batch size. Memory: F^2 doubles, and 4 F^2 during moments().
class MomentSum {
 public:
  /// Adds rows.
  /// @param features_NF  any float type, on any device, with the F of the first call.
  /// @throws InputError otherwise, or for NaN and infinity.
  void add(const torch::Tensor& features_NF);

  int64_t count() const { return count_; }

  /// The moments of all rows so far, of all ranks.
  /// @param group  all ranks call this and get the same bits; a rank may have no rows. The ranks add their sums and not
  ///               their rows, so the moments are those of a single rank up to rounding in float64.
  /// @throws InputError for fewer than 2 rows.
  Moments moments(dist::ProcessGroup& group = dist::ProcessGroup::single()) const;

 private:
  void pool(dist::ProcessGroup& group);
  void take(const torch::Tensor& block_NF);

  int64_t count_ = 0, waiting_count_ = 0;
  std::vector<torch::Tensor> waiting_;  ///< rows that do not fill a block yet, float64
  torch::Tensor
      shift_;  ///< the mean of the first block; without it, sums of squares of large numbers would lose digits
  torch::Tensor sum_, products_;
};

/// The moments of a whole sample.
Moments moments_of(const torch::Tensor& features_NF);

}  // namespace monge::eval

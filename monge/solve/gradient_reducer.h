// The sums of an update over the ranks: the mean of their gradients and of their metrics.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "monge/dist/process_group.h"
#include "monge/solve/flat_parameters.h"
#include "monge/solve/metric_buffer.h"

namespace monge::solve {

/// Sums the gradients of one net over the ranks in buckets, while the backward pass goes on: each bucket is sent as
/// soon as its gradients and those of the buckets before it exist (Li et al. 2020, PyTorch Distributed). This rank's
/// own gradients stay as they are beside the sum, so that a rank whose gradients are not finite can be named.
///
/// Losses must have been scaled by 1 / ranks: the sum of gradients is then the gradient of the mean over the whole
/// batch. Only needed when the group sends gradients, see ProcessGroup::sends.
class GradientReducer {
 public:
  /// @param group       outlives this. All ranks have the same net.
  /// @param parameters  whose gradients `gradients` holds, in its order. They have hooks until this is destroyed.
  /// @param bucket      approximate bytes of a bucket.
  GradientReducer(dist::ProcessGroup& group, std::vector<torch::Tensor> parameters, const FlatParameters& gradients,
                  int64_t bucket);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  /// The next backward pass is the last one before `finish`: each gradient that it completes is sent at once.
  void begin_final_backward();

  /// Sends the remaining buckets, waits for all, and makes loss, cost and potential of `update` the means over the
  /// ranks. `update.ranks` becomes [1 + ranks]: how many ranks want to stop, then each rank's own loss plus norm of
  /// gradients, which is not finite for a rank whose loss or gradients are not. It is valid until the next call. Waits
  /// for no GPU.
  void finish(Update& update);

  /// The sum over all ranks, in the layout of `gradients`. Valid from finish to the next begin_final_backward.
  const FlatParameters& gradient() const { return sum_; }

  /// Sets whether this rank wants to stop after this iteration, for the updates from now on.
  void want_stop(bool stop);

 private:
  struct Hook;
  struct Bucket {
    int64_t begin = 0, end = 0;          ///< entries of the flat tensors
    int64_t waits_for = 0, missing = 0;  ///< parameters
    std::unique_ptr<dist::Work> work = {};
  };

  void arrived(size_t parameter);
  void send_ready();
  void pack(const Update& update);
  void unpack(Update& update) const;

  dist::ProcessGroup& group_;
  std::vector<torch::Tensor> parameters_;
  const FlatParameters& gradients_;
  FlatParameters sum_;
  std::vector<Bucket> buckets_;    ///< in the order in which they are sent: from the last parameter to the first
  std::vector<size_t> bucket_of_;  ///< of each parameter
  std::vector<bool> arrived_;
  size_t sent_ = 0;  ///< buckets
  bool expecting_ = false;
  /// What this rank adds, and the sum over the ranks: loss, cost, potential, stop, then one entry of each rank.
  torch::Tensor packed_, summed_;
};

}  // namespace monge::solve

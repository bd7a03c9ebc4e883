// What the ranks of a job tell each other in an update: the mean of their gradients and of their figures.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "monge/dist/process_group.h"
#include "monge/solve/flat_parameters.h"
#include "monge/solve/metric_buffer.h"

namespace monge::solve {

/// Sums the gradients of one net over the ranks in buckets, each as soon as the backward pass has made it and those
/// before it, while the pass goes on (Li et al. 2020, PyTorch Distributed). The gradients of this rank stay as they are
/// beside the sum, so that a rank whose own are not finite is known by name.
///
/// Losses must have been scaled by 1 / ranks: the sum of gradients is then the gradient of the mean over the whole
/// batch.
class GradientReducer {
 public:
  /// @param group       outlives this. All ranks have the same net.
  /// @param parameters  whose gradients `gradients` holds, in its order. Hooks are put on them until this is destroyed.
  /// @param bucket      bytes of a bucket, about.
  GradientReducer(dist::ProcessGroup& group, std::vector<torch::Tensor> parameters, const FlatParameters& gradients,
                  int64_t bucket);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  /// The next backward pass is the last before `finish`: what it adds is sent at once.
  void begin_final_backward();

  /// Sends what has not been sent, waits for all, and makes loss, cost and potential of `update` the means over the
  /// ranks. `update.ranks` becomes [1 + ranks]: how many of them want to stop, then the sum of each one's own loss and
  /// norm of gradients, by which those are known whose are not finite; a rank that sends nothing leaves these at 0. It
  /// holds until the next call. Waits for no GPU.
  void finish(Update& update);

  /// Of all ranks; in the layout of `gradients`. From finish to the next begin_final_backward.
  const FlatParameters& gradient() const { return alone_ ? gradients_ : sum_; }

  /// Whether this rank wants to stop after this iteration, for the updates from here on.
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
  bool alone_;  ///< nothing is sent: a job of one rank should cost nothing
  FlatParameters sum_;
  std::vector<Bucket> buckets_;    ///< in the order in which they are sent: from the last parameter to the first
  std::vector<size_t> bucket_of_;  ///< of each parameter
  std::vector<bool> arrived_;
  size_t sent_ = 0;  ///< buckets
  bool expecting_ = false;
  torch::Tensor told_,
      all_;  ///< what this rank tells and the sum over the ranks: loss, cost, potential, stop, then one of each rank
};

}  // namespace monge::solve

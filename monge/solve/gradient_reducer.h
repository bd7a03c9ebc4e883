// Averages the gradients and the metrics of an update over the ranks.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "monge/dist/process_group.h"
#include "monge/solve/flat_parameters.h"
#include "monge/solve/metric_buffer.h"

namespace monge::solve {

/// Sums the gradients of one net over the ranks in buckets, during the backward pass: each bucket is sent as soon as
/// its gradients and those of the buckets before it exist (Li et al. 2020, PyTorch Distributed). The sum has its own
/// memory. This rank's gradients are kept, so that an error can name the ranks whose gradients are not finite.
///
/// The caller scales losses by 1 / ranks; the sum of gradients is then the gradient of the mean over the whole batch. A
/// reducer is only needed when the group sends gradients, see ProcessGroup::sends.
class GradientReducer {
 public:
  /// @param group       must outlive this object. All ranks have the same net.
  /// @param parameters  those whose gradients `gradients` holds, in its order. They have hooks until the destruction.
  /// @param gradients   must outlive this object.
  /// @param bucket      approximate bytes of a bucket.
  GradientReducer(dist::ProcessGroup& group, std::vector<torch::Tensor> parameters, const FlatParameters& gradients,
                  int64_t bucket);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  /// Announces that the next backward pass is the last one before `finish`, which sends gradients as it completes them.
  void begin_final_backward();

  /// Sends the remaining buckets, waits for all, and replaces loss, cost and potential of `update` by the means over
  /// the ranks. `update.ranks` becomes [1 + ranks]: how many ranks want to stop, then for each rank the sum of its loss
  /// and its gradient norm, which is not finite if one of the two is not. It is valid until the next call. The host
  /// does not wait for a GPU.
  /// @throws InputError without a begin_final_backward before it.
  void finish(Update& update);

  /// The sum over all ranks, in the layout of `gradients`. Valid from finish to the next begin_final_backward.
  const FlatParameters& gradient() const { return sum_; }

  /// Sets whether this rank wants to stop after this iteration; the updates from now on report it.
  void want_stop(bool stop);

 private:
  struct Hook;
  struct Bucket {
    int64_t begin = 0, end = 0;          ///< entries of the flat tensors
    int64_t waits_for = 0, missing = 0;  ///< numbers of parameters: all, and those without a gradient so far
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
  std::vector<Bucket> buckets_;    ///< in the order of sending: from the last parameter to the first
  std::vector<size_t> bucket_of_;  ///< of each parameter
  std::vector<bool> arrived_;
  size_t sent_ = 0;  ///< number of buckets
  bool expecting_ = false;
  /// The summand of this rank, and the sum over the ranks: loss, cost, potential, stop, then one entry for each rank.
  torch::Tensor packed_, summed_;
};

}  // namespace monge::solve

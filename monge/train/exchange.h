// What the ranks of a job tell each other in an update: the mean of their gradients and of their figures.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "monge/dist/world.h"
#include "monge/train/flat.h"
#include "monge/train/record.h"

namespace monge::train {

/// Sums the gradients of one net over the ranks in buckets, each as soon as the backward pass has made it and those before it,
/// while the pass goes on (Li et al. 2020, PyTorch Distributed). The gradients of this rank stay as they are beside the sum,
/// so that a rank whose own are not finite is known by name.
///
/// Losses must have been scaled by 1 / ranks: the sum of gradients is then the gradient of the mean over the whole batch.
class Exchange {
 public:
  /// @param world       outlives this. All ranks have the same net.
  /// @param parameters  whose gradients `gradients` holds, in its order. Hooks are put on them until this is destroyed.
  /// @param bucket      bytes of a bucket, about.
  Exchange(dist::World& world, std::vector<torch::Tensor> parameters, const Flat& gradients, int64_t bucket);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// The next backward pass is the last before `finish`: what it adds is sent at once.
  void expect_last();

  /// Sends what has not been sent, waits for all, and makes loss, cost and potential of `update` the means over the ranks.
  /// `update.ranks` becomes [1 + ranks]: how many of them want to stop, then the sum of each one's own loss and norm of gradients, by
  /// which those are known whose are not finite; a rank that sends nothing leaves these at 0. It holds until the next call. Waits for no GPU.
  void finish(Update& update);

  /// Of all ranks; in the layout of `gradients`. From finish to the next expect_last.
  const Flat& gradient() const { return alone_ ? gradients_ : sum_; }

  /// Whether this rank wants to stop after this iteration, for the updates from here on.
  void want_stop(bool stop);

 private:
  struct Hook;
  struct Bucket {
    int64_t begin = 0, end = 0;  ///< entries of the flat tensors
    int64_t waits_for = 0, missing = 0;  ///< parameters
    std::unique_ptr<dist::Work> work = {};
  };

  void arrived(size_t parameter);
  void send_ready();
  void tell(const Update& update);
  void hear(Update& update) const;

  dist::World& world_;
  std::vector<torch::Tensor> parameters_;
  const Flat& gradients_;
  bool alone_;  ///< nothing is sent: a job of one rank should cost nothing
  Flat sum_;
  std::vector<Bucket> buckets_;      ///< in the order in which they are sent: from the last parameter to the first
  std::vector<size_t> bucket_of_;    ///< of each parameter
  std::vector<bool> arrived_;
  size_t sent_ = 0;                  ///< buckets
  bool expecting_ = false;
  torch::Tensor told_, all_;  ///< what this rank tells and the sum over the ranks: loss, cost, potential, stop, then one of each rank
};

}  // namespace monge::train

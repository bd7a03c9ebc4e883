// How far the ranks of a job are with work of which each does a part.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "monge/dist/process_group.h"

namespace monge::dist {

/// Sums over the ranks of what each has done and left out, and of whether one wants to stop. Each tells it before a
/// piece of its work and hears it one piece later, so that nobody waits for another's piece; what is heard is the same
/// on all ranks, so that they may go by it.
class ProgressReduction {
 public:
  /// @param group  outlives this; null: alone, what is told is heard at once.
  explicit ProgressReduction(ProcessGroup* group) : group_(group) {}

  /// All ranks call it equally often. Counts are from the start.
  void post(int64_t done, int64_t left_out, bool stop);

  /// What was told last, of all.
  void receive();

  int64_t done() const { return received_[0].item<int64_t>(); }
  int64_t left_out() const { return received_[1].item<int64_t>(); }
  bool stop() const { return received_[2].item<int64_t>() > 0; }

 private:
  ProcessGroup* group_;
  std::unique_ptr<Work> work_;
  torch::Tensor reported_, coming_, received_ = torch::zeros({3}, torch::kInt64);
};

/// The pieces of a rank's part of [0, count), in order. All ranks have equally many; the last ones may be empty.
class WorkPartition {
 public:
  /// @param length  of a piece, at most.
  WorkPartition(int64_t count, int64_t length, const ProcessGroup* group);

  int64_t count() const { return count_; }
  Slice operator[](int64_t piece) const;  ///< its begin and length; whole is that of [0, count)

 private:
  Slice part_;
  int64_t length_, count_;
};

}  // namespace monge::dist

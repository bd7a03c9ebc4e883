// Progress of work that the ranks of a job divide among themselves.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "monge/dist/process_group.h"

namespace monge::dist {

/// Global counts of the items done and left out, and whether any rank wants to stop. Each rank posts its counts before
/// a piece of work and reads the global counts one piece later, so no rank blocks. All ranks read the same values and
/// may act on them. A single rank reads its own counts at once.
class ProgressReduction {
 public:
  /// @param group  must outlive this.
  explicit ProgressReduction(ProcessGroup& group) : group_(group) {}

  /// Posts this rank's counts since the start. All ranks call it equally often.
  void post(int64_t done, int64_t left_out, bool stop);

  /// Waits for the counts that were posted last. Without any, it does nothing.
  void receive();

  /// The global values that were received last; 0 and false before.
  int64_t done() const { return received_[0].item<int64_t>(); }
  int64_t left_out() const { return received_[1].item<int64_t>(); }
  bool stop() const { return received_[2].item<int64_t>() > 0; }

 private:
  ProcessGroup& group_;
  std::unique_ptr<Work> work_;
  torch::Tensor posted_, incoming_, received_ = torch::zeros({3}, torch::kInt64);
};

/// The complaints of all ranks about what they left out, in order of rank; at most kMostListed. All ranks call it.
std::vector<std::string> gather_complaints(ProcessGroup& group, const std::vector<std::string>& own);

/// Divides this rank's slice of [0, count) into pieces. All ranks have equally many pieces; the last ones may be empty.
class WorkPartition {
 public:
  /// @param length  maximal length of a piece.
  WorkPartition(int64_t count, int64_t length, const ProcessGroup& group);

  int64_t count() const { return count_; }
  Slice operator[](int64_t piece) const;  ///< begin and length of the piece; `whole` is count of the constructor

 private:
  Slice slice_;
  int64_t length_, count_;
};

}  // namespace monge::dist

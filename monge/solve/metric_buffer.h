// The numbers that the updates of an iteration leave, kept on the device and read when they are there.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace monge::solve {

/// What one update gave; scalars. cost and potential are undefined for an update of the potential.
struct Update {
  torch::Tensor loss, cost, potential, gradient_norm, blocked;
  torch::Tensor ranks;  ///< [1 + ranks] in a job, see GradientReducer::finish; else undefined
};

/// A row for each update of an iteration. Rows are written on the device; `send` starts their way to the host without
/// waiting, `receive` takes the oldest that was sent. On a CPU both are plain copies.
class MetricBuffer {
 public:
  struct Row {
    double loss = 0, cost = 0, potential = 0, gradient_norm = 0, blocked = 0;
    std::vector<double> ranks = {};  ///< Update::ranks
  };

  /// @param ranks  of the job, whose updates have their `ranks`; 0: they have not.
  MetricBuffer(int64_t updates, torch::Device device, int64_t ranks = 0);
  ~MetricBuffer();

  /// Writes row `index`; nothing here waits for the device.
  void write(int64_t index, const Update& update);

  /// Sends the first `count` rows.
  void send(int64_t count);

  /// Waits for the oldest rows that were sent. @throws InputError when there are none.
  std::vector<Row> receive();

  int64_t on_the_way() const { return static_cast<int64_t>(sent_.size()); }

 private:
  struct PendingCopy;
  int64_t extra_;       ///< columns for `ranks`
  torch::Tensor rows_;  ///< [updates, 5 + extra] in float64, at one place
  std::deque<std::unique_ptr<PendingCopy>> sent_;
};

}  // namespace monge::solve

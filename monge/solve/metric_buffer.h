// The metrics of an iteration's updates. They are written on the device, and the host reads them later.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace monge::solve {

/// The scalars of one update. cost and potential are undefined for an update of the potential.
struct Update {
  torch::Tensor loss, cost, potential, gradient_norm, blocked;
  torch::Tensor ranks;  ///< [1 + ranks] in a job, see GradientReducer::finish; else undefined
};

/// A row for each update of an iteration. `write` fills rows on the device, `send` starts their copy to the host
/// without waiting for it, and `receive` takes the oldest rows sent. On a CPU both are ordinary copies.
class MetricBuffer {
 public:
  struct Row {
    double loss = 0, cost = 0, potential = 0, gradient_norm = 0, blocked = 0;
    std::vector<double> ranks = {};  ///< Update::ranks
  };

  /// @param ranks  the number of ranks if updates have Update::ranks; 0 if they have not.
  MetricBuffer(int64_t updates, torch::Device device, int64_t ranks = 0);
  ~MetricBuffer();

  /// Writes row `index`, without waiting for the device.
  void write(int64_t index, const Update& update);

  /// Starts the copy of the first `count` rows to the host.
  void send(int64_t count);

  /// Waits for the oldest rows that were sent. @throws InputError when there are none.
  std::vector<Row> receive();

  /// The number of `send` calls without a `receive`.
  int64_t in_flight() const { return static_cast<int64_t>(sent_.size()); }

 private:
  struct PendingCopy;
  int64_t extra_;       ///< columns for `ranks`
  torch::Tensor rows_;  ///< [updates, 5 + extra] in float64, at a fixed address
  std::deque<std::unique_ptr<PendingCopy>> sent_;
};

}  // namespace monge::solve

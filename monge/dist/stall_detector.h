// Decides from the ranks' progress which of them hangs. It reads no clock, so that tests can choose the times.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "monge/dist/process_group.h"
#include "monge/dist/socket.h"

namespace monge::dist {

/// What does not move any more.
struct Stall {
  std::optional<size_t> rank;  ///< the rank that hangs; nothing if all ranks wait inside an operation
  int64_t operation = 0;       ///< the collective operation that it has not entered, from 1
};

/// Times are those of the caller's clock. Not thread-safe.
class StallDetector {
 public:
  using Time = std::chrono::steady_clock::time_point;

  StallDetector(size_t ranks, Time now) : ranks_(ranks) { restart(now); }

  /// Counts all waits from `now`, for example because this process was stopped and has missed messages.
  void restart(Time now);

  void record(size_t rank, const CollectiveProgress& progress, Time now);
  /// The rank has announced its orderly end and cannot hang any more.
  void leave(size_t rank) { ranks_[rank].left = true; }

  /// A rank hangs when it has been behind the furthest one, without progress, for more than `timeout`: ranks that are
  /// slow together do not hang. All hang when none has made progress for so long while one is inside an operation.
  std::optional<Stall> find(Time now, Seconds timeout);

 private:
  struct Rank {
    CollectiveProgress progress;
    Time last_progress, last_level;  ///< last_level: when it last made progress or was as far as the furthest rank
    bool left = false;
  };
  std::vector<Rank> ranks_;
};

}  // namespace monge::dist

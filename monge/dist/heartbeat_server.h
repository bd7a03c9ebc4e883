// Rank 0's side of a watch: hears all ranks and judges.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "monge/dist/failure_state.h"
#include "monge/dist/line_channel.h"
#include "monge/dist/socket.h"

namespace monge::dist {

class HeartbeatServer {
 public:
  /// Begins its thread. @param token  what ranks say when they connect.
  HeartbeatServer(std::shared_ptr<FailureState> common, Listener listener, std::string token);
  ~HeartbeatServer();

 private:
  using Clock = std::chrono::steady_clock;

  struct Seen {
    std::unique_ptr<LineChannel> lines;
    Clock::time_point heard, moved;  // any message; one with progress
    Clock::time_point level;         // when it was last with those that are furthest, or moved
    int64_t entered = 0, left = 0;
    bool speaks = false;  // something has come
    bool gone = false;    // said goodbye
  };

  /// What a rank said of its failure.
  struct ReportedFailure {
    FailureState::Failure failure;
    size_t rank = 0;
    Clock::time_point since;
  };

  void serve();
  void wait();
  /// Takes those that come with the token in.
  void greet();
  static void note(Seen& one, const CollectiveProgress& progress);
  void read();
  void hear_failures(Clock::time_point now);
  void judge(Clock::time_point now);
  /// Tells all, and stays until they have read it.
  void end(JobFailure verdict);

  std::shared_ptr<FailureState> common_;
  Listener listener_;
  std::string token_;
  std::vector<Seen> seen_;
  std::vector<std::pair<std::unique_ptr<LineChannel>, Clock::time_point>> unauthenticated_;
  std::optional<ReportedFailure> reported_;  // the first
  std::atomic<bool> ending_{false};
  bool done_ = false;
  std::thread thread_;
};

}  // namespace monge::dist

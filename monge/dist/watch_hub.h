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

#include "monge/dist/lines.h"
#include "monge/dist/socket.h"
#include "monge/dist/watch_state.h"

namespace monge::dist {

class WatchHub {
 public:
  /// Begins its thread. @param token  what ranks say when they connect.
  WatchHub(std::shared_ptr<WatchState> common, Listener listener, std::string token);
  ~WatchHub();

 private:
  using Clock = std::chrono::steady_clock;

  struct Seen {
    std::unique_ptr<Lines> lines;
    Clock::time_point heard, moved;  // any message; one with progress
    Clock::time_point level;         // when it was last with those that are furthest, or moved
    int64_t entered = 0, left = 0;
    bool speaks = false;  // something has come
    bool gone = false;    // said goodbye
  };

  /// What a rank said of its failure.
  struct Told {
    WatchState::Failure failure;
    size_t rank = 0;
    Clock::time_point since;
  };

  void serve();
  void wait();
  /// Takes those that come with the token in.
  void greet();
  static void note(Seen& one, const Progress& progress);
  void read();
  void hear_failures(Clock::time_point now);
  void judge(Clock::time_point now);
  /// Tells all, and stays until they have read it.
  void end(Verdict verdict);

  std::shared_ptr<WatchState> common_;
  Listener listener_;
  std::string token_;
  std::vector<Seen> seen_;
  std::vector<std::pair<std::unique_ptr<Lines>, Clock::time_point>> strangers_;
  std::optional<Told> told_;  // the first
  std::atomic<bool> ending_{false};
  bool done_ = false;
  std::thread thread_;
};

}  // namespace monge::dist

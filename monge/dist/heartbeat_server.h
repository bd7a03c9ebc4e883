// Rank 0's side of the failure detector: receives the heartbeats of all ranks and decides whether the job has failed.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "monge/dist/failure_state.h"
#include "monge/dist/line_channel.h"
#include "monge/dist/socket.h"
#include "monge/dist/stall_detector.h"

namespace monge::dist {

class HeartbeatServer {
 public:
  /// Starts its thread. @param token  a rank sends it when it connects.
  HeartbeatServer(std::shared_ptr<FailureState> state, Listener listener, std::string token);
  ~HeartbeatServer();

 private:
  using Clock = std::chrono::steady_clock;

  /// The state of a rank, as rank 0 knows it. Rank 0's own entry has no channel.
  struct Peer {
    std::unique_ptr<LineChannel> channel;
    Clock::time_point last_message;
    bool readable = false;  // something has arrived
    bool left = false;      // has announced its orderly end
  };

  /// A connection that has not sent the token yet.
  struct UnauthenticatedPeer {
    std::unique_ptr<LineChannel> channel;
    Clock::time_point since;
  };

  /// A failure that a rank has reported.
  struct ReportedFailure {
    RankFailure failure;
    size_t rank = 0;
    Clock::time_point since;
  };

  void run();
  void wait_for_messages();
  void accept_peers();
  void receive();
  void receive_line(size_t rank, const std::string& line);
  void handle_reported_failures(Clock::time_point now);
  void check_connections(Clock::time_point now);
  void check_progress(Clock::time_point now);
  /// Notifies all ranks and waits until they have read it.
  void end_job(JobFailure failure);

  std::shared_ptr<FailureState> state_;
  Listener listener_;
  std::string token_;
  std::vector<Peer> peers_;  ///< by rank
  StallDetector stalls_;
  std::vector<UnauthenticatedPeer> unauthenticated_;
  std::optional<ReportedFailure> reported_;  ///< the first one
  std::atomic<bool> ending_{false};
  bool done_ = false;
  std::thread thread_;
};

}  // namespace monge::dist

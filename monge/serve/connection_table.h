// The open connections of a server, and which of them are closed when there are too many or they take too long.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

namespace monge::serve {

/// Keeps the state of each connection by its socket. A connection is closed by shutdown(2); its owner notices that and
/// calls closed(). Thread-safe.
///
/// When a connection is opened beyond the limit, the one that has waited longest without progress is closed for it,
/// among those whose request has not arrived whole. So thousands of idle or slow connections lock nobody out. If all
/// are being answered, the new one is closed.
class ConnectionTable {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    int64_t most = 512;
    std::chrono::milliseconds request{20000};  ///< from the start of a request until the whole of it is there
    std::chrono::milliseconds answer{120000};  ///< to send an answer that is not a stream
  };

  explicit ConnectionTable(const Limits& limits) : limits_(limits) {}

  void opened(int socket, Clock::time_point now = Clock::now());
  /// Call it before the socket is closed, so that its number is not another's yet.
  void closed(int socket);

  /// A part of a request has arrived.
  void received(int socket, Clock::time_point now = Clock::now());
  /// The whole request is there. @param gone  called from sweep() if the client hangs up before the answer.
  void answering(int socket, std::function<void()> gone);
  /// The answer is being sent. @param stream  whether it has no end; it is then not timed.
  void sending(int socket, bool stream, Clock::time_point now = Clock::now());
  /// The answer was sent; the connection waits for another request.
  void waiting(int socket, Clock::time_point now = Clock::now());

  /// Closes the connections that take too long, with an answer 408 if a request has begun, and finds out which
  /// clients have hung up. Call it a few times a second.
  void sweep(Clock::time_point now = Clock::now());

  int64_t open() const;
  /// Connections with a request that has begun and an answer that was not sent whole; without streams
  /// and clients that have hung up.
  int64_t busy() const;

 private:
  enum class State { waiting, answering, sending, streaming };
  struct Connection {
    State state = State::waiting;
    Clock::time_point since, progress;  ///< of the state; of the last bytes
    bool begun = false;                 ///< whether the header of a request has arrived
    bool doomed = false;                ///< shut down; closed() follows
    bool left = false;                  ///< the client has hung up
    std::function<void()> gone = {};
  };

  void doom(int socket, Connection& connection, bool say);
  int64_t live() const;

  const Limits limits_;
  mutable std::mutex guard_;
  std::map<int, Connection> connections_;
};

}  // namespace monge::serve

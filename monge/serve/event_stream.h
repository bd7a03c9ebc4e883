// Server-sent events: a body without an end that other threads write.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace monge::serve {

/// The events of one client (WHATWG HTML, "Server-sent events"). Thread-safe.
class EventStream {
 public:
  /// Text that a client has not taken yet; a slower client is cut off.
  static constexpr size_t kMostPending = 8 << 20;

  /// Sends an event. @param id  what the client names as Last-Event-ID when it comes back.
  /// @return false when the stream is closed, or has just been closed because the client is too slow.
  bool send(std::string_view event, std::string_view id, std::string_view data);
  /// Sends a comment, which keeps the connection and finds out whether the client is still there.
  bool comment(std::string_view text);

  void close();
  bool closed() const;

  /// For the server: moves up to `most` bytes to `to`. If there are none, calls `suspend` and keeps `resume`, which is
  /// called once when there is text or the stream is closed.
  /// @return the number of bytes; -1 at the end.
  int64_t take(char* to, size_t most, const std::function<void()>& suspend, std::function<void()> resume);

 private:
  bool add(std::string_view text);
  void wake();

  mutable std::mutex guard_;
  std::string pending_;
  size_t taken_ = 0;
  bool closed_ = false;
  std::function<void()> resume_;
};

}  // namespace monge::serve

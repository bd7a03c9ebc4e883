#include "monge/serve/connection_table.h"

#include <poll.h>
#include <sys/socket.h>

#include <string_view>
#include <utility>
#include <vector>

namespace monge::serve {
namespace {

constexpr std::string_view kTimedOut =
    "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\nContent-Length: 67\r\nConnection: close\r\n\r\n"
    "{\"error\":{\"what\":\"the request did not arrive whole in its time\"}}\r\n";

bool hung_up(int socket) {
  pollfd look{.fd = socket, .events = POLLRDHUP, .revents = 0};
  return ::poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace

void ConnectionTable::doom(int socket, Connection& connection, bool say) {
  if (connection.doomed) return;
  // No answer has begun while a request is awaited, so this text cannot come in the middle of one.
  if (say) ::send(socket, kTimedOut.data(), kTimedOut.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(socket, SHUT_RDWR);
  connection.doomed = true;
}

int64_t ConnectionTable::live() const {
  int64_t count = 0;
  for (const auto& [socket, connection] : connections_) count += !connection.doomed;
  return count;
}

void ConnectionTable::opened(int socket, Clock::time_point now) {
  const std::lock_guard lock(guard_);
  if (live() >= limits_.most) {
    auto victim = connections_.end();
    for (auto at = connections_.begin(); at != connections_.end(); ++at) {
      if (at->second.doomed || at->second.state != State::waiting) continue;
      if (victim == connections_.end() || at->second.progress < victim->second.progress) victim = at;
    }
    if (victim != connections_.end()) doom(victim->first, victim->second, false);
  }
  auto& connection = connections_[socket] = Connection{.since = now, .progress = now};
  if (live() > limits_.most) doom(socket, connection, false);
}

void ConnectionTable::closed(int socket) {
  const std::lock_guard lock(guard_);
  connections_.erase(socket);
}

void ConnectionTable::received(int socket, Clock::time_point now) {
  const std::lock_guard lock(guard_);
  const auto found = connections_.find(socket);
  if (found == connections_.end()) return;
  found->second.progress = now;
  if (!std::exchange(found->second.begun, true)) found->second.since = now;
}

void ConnectionTable::answering(int socket, std::function<void()> gone) {
  const std::lock_guard lock(guard_);
  const auto found = connections_.find(socket);
  if (found == connections_.end()) return;
  found->second.state = State::answering;
  found->second.gone = std::move(gone);
}

void ConnectionTable::sending(int socket, bool stream, Clock::time_point now) {
  const std::lock_guard lock(guard_);
  const auto found = connections_.find(socket);
  if (found == connections_.end()) return;
  found->second.state = stream ? State::streaming : State::sending;
  found->second.since = now;
  if (!stream) found->second.gone = {};
}

void ConnectionTable::waiting(int socket, Clock::time_point now) {
  const std::lock_guard lock(guard_);
  const auto found = connections_.find(socket);
  if (found == connections_.end()) return;
  const bool doomed = found->second.doomed;
  found->second = Connection{.since = now, .progress = now, .doomed = doomed};
}

void ConnectionTable::sweep(Clock::time_point now) {
  std::vector<std::function<void()>> gone;
  {
    const std::lock_guard lock(guard_);
    for (auto& [socket, connection] : connections_) {
      if (connection.doomed) continue;
      if (connection.state == State::waiting && now - connection.since > limits_.request)
        doom(socket, connection, connection.begun);
      if (connection.state == State::sending && now - connection.since > limits_.answer)
        doom(socket, connection, false);
      if (connection.gone && hung_up(socket)) {
        connection.left = true;
        gone.push_back(std::exchange(connection.gone, nullptr));
      }
    }
  }
  for (const auto& call : gone) call();  // without the lock: it may close a stream
}

int64_t ConnectionTable::open() const {
  const std::lock_guard lock(guard_);
  return static_cast<int64_t>(connections_.size());
}

int64_t ConnectionTable::busy() const {
  const std::lock_guard lock(guard_);
  int64_t count = 0;
  for (const auto& [socket, connection] : connections_) {
    if (connection.doomed || connection.left) continue;
    const bool receiving = connection.state == State::waiting && connection.begun;
    count += receiving || connection.state == State::answering || connection.state == State::sending;
  }
  return count;
}

}  // namespace monge::serve

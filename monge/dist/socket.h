// TCP connections whose errors name the peer.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/unique_fd.h"

namespace monge::dist {

using Seconds = std::chrono::duration<double>;

/// A connection, or none. Movable; its destructor closes the connection. Not thread-safe.
class Socket {
 public:
  Socket() = default;
  explicit Socket(UniqueFd descriptor);

  /// Connects, and tries again until the host answers. @throws SystemError naming host and port after `timeout`.
  static Socket connect(const std::string& host, uint16_t port, Seconds timeout);

  bool open() const { return static_cast<bool>(descriptor_); }
  int descriptor() const { return descriptor_.get(); }
  void close() { descriptor_.reset(); }

  /// The name of the other side in errors, for example "rank 3".
  void set_peer(std::string name) { peer_ = std::move(name); }
  const std::string& peer() const { return peer_; }

  /// Blocks until all bytes have moved. @throws SystemError when the connection breaks, or when no byte moves for
  /// `timeout`.
  void send(const void* data, int64_t bytes, Seconds timeout = Seconds(86400));
  void receive(void* data, int64_t bytes, Seconds timeout = Seconds(86400));

  /// Appends the bytes that have arrived, until `into` holds `most` bytes; never waits.
  /// @return whether the connection is still whole.
  bool receive_some(std::string& into, int64_t most);

  /// The address of this end.
  std::string own_address() const;

 private:
  UniqueFd descriptor_;
  std::string peer_ = "the peer";
};

/// 128 random bits as 32 hexadecimal digits, by which the processes of a job authenticate each other.
std::string random_token();

/// Sends through one connection while it receives through another (or the same), so that a ring of ranks cannot
/// deadlock. @throws SystemError when a connection breaks, or when no byte moves for `timeout`.
void exchange(Socket& to, const void* out, int64_t out_bytes, Socket& from, void* in, int64_t in_bytes,
              Seconds timeout);

/// The IPv4 addresses of this host, those of the loopback last.
std::vector<std::string> own_addresses();

/// Whether the address reaches this host alone.
bool is_loopback(const std::string& address);

/// Accepts connections on a port that the system chooses among the free ones. Movable.
class Listener {
 public:
  /// @param loopback  accepts connections of this host only; else on all addresses. @throws SystemError.
  explicit Listener(bool loopback = false);

  uint16_t port() const { return port_; }
  int descriptor() const { return descriptor_.get(); }

  /// @return the next connection; one that is not open when none came within `timeout`.
  Socket accept(Seconds timeout);

 private:
  UniqueFd descriptor_;
  uint16_t port_ = 0;
};

}  // namespace monge::dist

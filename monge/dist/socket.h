// TCP connections with errors that say whom they were with.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace monge::dist {

using Seconds = std::chrono::duration<double>;

/// A connection; closed with this object. Not thread-safe.
class Socket {
 public:
  Socket() = default;
  /// Takes the descriptor.
  explicit Socket(int descriptor);
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  /// Tries until it is answered or the time is over. @throws SystemError.
  static Socket connect(const std::string& host, uint16_t port, Seconds patience);

  bool open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  void close();

  /// Whom errors name.
  void set_peer(std::string name) { peer_ = std::move(name); }
  const std::string& peer() const { return peer_; }

  /// All of it. @throws SystemError when the connection breaks, or nothing comes or goes for so long.
  void send(const void* data, int64_t bytes, Seconds patience = Seconds(86400));
  void receive(void* data, int64_t bytes, Seconds patience = Seconds(86400));

  /// Appends what has come, up to `most` bytes in all, without waiting. @return whether the connection is whole.
  bool receive_some(std::string& into, int64_t most);

  /// This end's address, as others may reach it.
  std::string own_address() const;

 private:
  int descriptor_ = -1;
  std::string peer_ = "the other side";
};

/// 128 random bits as hexadecimal digits, by which the processes of a job know each other.
std::string random_token();

/// Sends through one connection while receiving through another (or the same), so that a ring of ranks cannot block
/// itself.
/// @throws SystemError when a connection breaks, or nothing moves for so long.
void exchange(Socket& to, const void* out, int64_t out_bytes, Socket& from, void* in, int64_t in_bytes,
              Seconds patience);

/// IPv4 addresses of this host, those of the loopback last.
std::vector<std::string> own_addresses();

/// Whether it leads to this host alone.
bool is_loopback(const std::string& address);

/// Waits for connections on a port that is free.
class Listener {
 public:
  /// @param loopback  only of this host; else on all addresses. @throws SystemError.
  explicit Listener(bool loopback = false);
  ~Listener();
  Listener(Listener&& other) noexcept;
  Listener(const Listener&) = delete;

  uint16_t port() const { return port_; }
  int descriptor() const { return descriptor_; }

  /// @return not open when nobody came in time.
  Socket accept(Seconds patience);

 private:
  int descriptor_ = -1;
  uint16_t port_ = 0;
};

}  // namespace monge::dist

// Ranks of a job as threads of the test.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/unique_fd.h"
#include "monge/dist/launch.h"
#include "monge/dist/process_group.h"
#include "monge/dist/socket_transport.h"

namespace monge::testing {

/// Runs `body(rank)` on a thread for each rank, and rethrows what the lowest rank threw.
inline void run_threads(int64_t ranks, const std::function<void(int64_t rank)>& body) {
  std::vector<std::exception_ptr> thrown(static_cast<size_t>(ranks));
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        body(rank);
      } catch (...) {
        thrown[static_cast<size_t>(rank)] = std::current_exception();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& one : thrown) {
    if (one) std::rethrow_exception(one);
  }
}

/// Runs `body` on the ranks of a process group, which are connected over the loopback. Rethrows what the lowest rank
/// threw.
inline void run_ranks(int64_t size, const std::function<void(dist::ProcessGroup&)>& body) {
  std::vector<dist::Listener> listeners;
  for (int64_t rank = 0; rank < size; ++rank) listeners.emplace_back();
  run_threads(size, [&](int64_t rank) {
    std::unique_ptr<dist::Transport> transport;
    if (size > 1) {
      auto next = dist::Socket::connect("127.0.0.1", listeners[static_cast<size_t>((rank + 1) % size)].port(),
                                        dist::Seconds(10));
      auto previous = listeners[static_cast<size_t>(rank)].accept(dist::Seconds(10));
      transport = std::make_unique<dist::SocketTransport>(rank, size, std::move(next), std::move(previous));
    }
    dist::ProcessGroup group(std::move(transport));
    body(group);
  });
}

/// The place where ranks started without MPI meet: a port of the loopback that the system chose. It stays bound, so no
/// other program can take it before rank 0 listens there.
class MeetingPoint {
 public:
  uint16_t port() const { return listener_.port(); }

  /// @param size  2 or more. Rank 0 takes over the port, once.
  dist::Launch launch(int64_t rank, int64_t size) const {
    dist::Launch out;
    out.kind = dist::Launch::Kind::environment;
    out.launcher = "the test";
    out.rank = rank;
    out.size = size;
    out.host = "127.0.0.1";
    out.port = port();
    if (rank == 0) out.listening_socket = ::dup(listener_.descriptor());  // the rendezvous closes it
    return out;
  }

 private:
  dist::Listener listener_{/*loopback=*/true};
};

/// A port of the loopback that the system chose and this object holds. Connections to it are refused until a program
/// listens there that is told the number, as PyTorch's store is; the system gives it to no other program.
class BoundPort {
 public:
  BoundPort() : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;  // a second socket with this option may listen on the port
    ::setsockopt(descriptor_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    require(::bind(descriptor_.get(), plain, length) == 0 && ::getsockname(descriptor_.get(), plain, &length) == 0,
            "no port can be bound");
    port_ = ntohs(address.sin_port);
  }

  uint16_t port() const { return port_; }

 private:
  UniqueFd descriptor_;
  uint16_t port_ = 0;
};

}  // namespace monge::testing

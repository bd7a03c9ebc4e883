// Ranks of a job as threads of the test.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "monge/dist/process_group.h"
#include "monge/dist/socket_transport.h"

namespace monge::testing {

/// Runs `body` on so many ranks, connected over loopback. Rethrows what the lowest rank threw.
inline void run_ranks(int64_t size, const std::function<void(std::shared_ptr<dist::ProcessGroup>)>& body) {
  std::vector<dist::Listener> listeners;
  for (int64_t rank = 0; rank < size; ++rank) listeners.emplace_back();
  std::vector<std::exception_ptr> thrown(static_cast<size_t>(size));
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        std::unique_ptr<dist::Transport> transport;
        if (size > 1) {
          auto next = dist::Socket::connect("127.0.0.1", listeners[static_cast<size_t>((rank + 1) % size)].port(),
                                            dist::Seconds(10));
          auto previous = listeners[static_cast<size_t>(rank)].accept(dist::Seconds(10));
          transport = std::make_unique<dist::SocketTransport>(rank, size, std::move(next), std::move(previous));
        }
        body(std::make_shared<dist::ProcessGroup>(std::move(transport)));
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

}  // namespace monge::testing

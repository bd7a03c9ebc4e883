// Collective operations over a ring of TCP connections, for jobs started without MPI.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "monge/dist/socket.h"
#include "monge/dist/transport.h"

namespace monge::dist {

/// Rank r sends to r + 1 and receives from r - 1. A large sum is a ring all-reduce, which sends 2 (N - 1) / N of its
/// bytes through each connection (Patarasuk and Yuan 2009). For a small sum every rank gathers all parts and adds them
/// in order of rank.
class SocketTransport : public Transport {
 public:
  /// @param size      at least 2.
  /// @param next      connected to rank + 1.
  /// @param previous  connected to rank - 1.
  SocketTransport(int64_t rank, int64_t size, Socket next, Socket previous);

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }
  std::string name() const override { return "TCP"; }
  void sum(const void* from, void* to, int64_t count, torch::ScalarType type) override;
  void broadcast(void* data, int64_t bytes, int64_t root) override;
  std::vector<std::string> gather(const std::string& mine) override;
  void set_timeout(double seconds) override { timeout_ = seconds; }

 private:
  void pass(const void* out, int64_t out_bytes, void* in, int64_t in_bytes) {
    exchange(next_, out, out_bytes, previous_, in, in_bytes, Seconds(timeout_.load()));
  }
  template <class T>
  void sum_of(const T* from, T* to, int64_t count);
  template <class T>
  void sum_small(const T* from, T* to, int64_t count);

  int64_t rank_, size_;
  Socket next_, previous_;
  std::atomic<double> timeout_{1e8};  ///< seconds
  std::vector<char> scratch_;
};

}  // namespace monge::dist

// Collective operations over TCP connections in a ring, for jobs that are started without MPI.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "monge/dist/socket.h"
#include "monge/dist/transport.h"

namespace monge::dist {

/// Rank r sends to r + 1 and receives from r - 1. Large sums are reduced in pieces round the ring and gathered again
/// (2 (N - 1) / N of the bytes through each connection; Patarasuk and Yuan 2009); small ones gathered and added in
/// order of rank.
class SocketTransport : public Transport {
 public:
  /// @param next      connected to rank + 1  @param previous  to rank - 1; size >= 2.
  SocketTransport(int64_t rank, int64_t size, Socket next, Socket previous);

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }
  std::string name() const override { return "TCP"; }
  void sum(const void* from, void* to, int64_t count, torch::ScalarType type) override;
  void broadcast(void* data, int64_t bytes, int64_t root) override;
  std::vector<std::string> gather(const std::string& mine) override;
  void set_patience(double seconds) override { patience_ = seconds; }

 private:
  void pass(const void* out, int64_t out_bytes, void* in, int64_t in_bytes) {
    exchange(next_, out, out_bytes, previous_, in, in_bytes, Seconds(patience_.load()));
  }
  template <class T>
  void sum_of(const T* from, T* to, int64_t count);
  template <class T>
  void sum_small(const T* from, T* to, int64_t count);

  int64_t rank_, size_;
  Socket next_, previous_;
  std::atomic<double> patience_{1e8};  ///< seconds
  std::vector<char> scratch_;
};

}  // namespace monge::dist

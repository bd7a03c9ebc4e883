// The interface of the transports, which move bytes between the ranks of a job.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace monge::dist {

/// Blocking collective operations on host memory. All ranks call the same operations in the same order, each from one
/// thread at a time (ProcessGroup ensures that). They throw SystemError when a rank cannot be reached any more.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;
  virtual std::string name() const = 0;  ///< "MPI", "TCP"

  /// to[i] = the sum over ranks of from[i], with the same bits on all ranks. `from` and `to` are the same memory or do
  /// not overlap.
  /// @param type  float32, float64 or int64.
  virtual void sum(const void* from, void* to, int64_t count, torch::ScalarType type) = 0;

  /// Copies `data` of rank `root` to all ranks.
  virtual void broadcast(void* data, int64_t bytes, int64_t root) = 0;

  /// @return the texts of all ranks, in order of rank.
  virtual std::vector<std::string> gather(const std::string& mine) = 0;

  /// Limits how long an operation may wait while no byte moves, if the transport can measure it. At first there is no
  /// limit.
  virtual void set_timeout(double /*seconds*/) {}

  /// The orderly end. All ranks call it together. Without it the destructor drops the connections.
  virtual void close() {}
};

}  // namespace monge::dist

// What moves bytes between the ranks of a job.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace monge::dist {

/// Collective operations on host memory. Blocking; all ranks call the same ones in the same order, each from one thread
/// at a time (ProcessGroup sees to that). @throws SystemError when a rank cannot be reached any more.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;
  virtual std::string name() const = 0;  ///< "MPI", "TCP"

  /// to[i] = the sum over ranks of from[i], with the same bits on all ranks. The same memory, or memory that does not
  /// overlap.
  /// @param type  float32, float64 or int64.
  virtual void sum(const void* from, void* to, int64_t count, torch::ScalarType type) = 0;

  /// `data` of rank `root` on all ranks.
  virtual void broadcast(void* data, int64_t bytes, int64_t root) = 0;

  /// The texts of all ranks, in order of rank, on all ranks.
  virtual std::vector<std::string> gather(const std::string& mine) = 0;

  /// How long an operation may wait without anything moving, where the transport can tell; without end at first.
  virtual void set_patience(double /*seconds*/) {}

  /// An orderly end, together. Without it the destructor drops what there is.
  virtual void close() {}
};

}  // namespace monge::dist

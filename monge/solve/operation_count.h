// Counts the floating-point operations of matrix products and convolutions, and the bytes of tensors that go in and
// out, as the calls are made.
#pragma once

#include <cstdint>

namespace monge::solve {

/// While it lives, watches what LibTorch is asked for in any thread. One at a time.
///
/// Operations: 2 m n k for a product, 2 |output| k^2 in for a convolution and for each of its gradients; and what
/// our own kernels report (nn/operation_tally.h), where a convolution with fewer multiplications counts as the direct
/// one that it replaces. Element-wise work is not counted: it is bound by memory.
///
/// Bytes: of the tensors that each outermost call reads and those that it writes. A call that gives only another view
/// of its input moves nothing, an expanded tensor counts as large as its memory. This is the traffic of a machine
/// without caches, where every call goes to memory for all it needs: an upper bound of the true one, as far as
/// operators of LibTorch do the work; passes of our own over raw pointers, and what a graph replays, are not seen.
class OperationCount {
 public:
  OperationCount();
  ~OperationCount();
  OperationCount(const OperationCount&) = delete;
  OperationCount& operator=(const OperationCount&) = delete;

  int64_t operations() const;
  int64_t bytes() const;

 private:
  int64_t ours_before_;
  uint64_t handle_;
};

}  // namespace monge::solve

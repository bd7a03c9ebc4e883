// Counts the floating-point operations of matrix products and convolutions, and the bytes of operators' tensors.
#pragma once

#include <cstdint>

namespace monge::solve {

/// While it lives, counts the calls of LibTorch's operators in all threads. Only one may live at a time.
///
/// Operations: 2 m n k for a product; 2 |output| k^2 in for a convolution and for each of its gradients; and the counts
/// that our own kernels report (nn/operation_tally.h), where a convolution with fewer multiplications counts as the
/// direct one that it replaces. Element-wise work is not counted, because memory bounds it.
///
/// Bytes: those of the tensors that each outermost call reads and writes. A call that only returns another view of its
/// input moves nothing; an expanded tensor counts as its memory. The sum is the traffic of a machine without caches. It
/// is an upper bound of the true traffic of LibTorch's operators. Our own passes over raw pointers and replayed graphs
/// are not counted.
class OperationCount {
 public:
  OperationCount();
  ~OperationCount();
  OperationCount(const OperationCount&) = delete;
  OperationCount& operator=(const OperationCount&) = delete;

  int64_t operations() const;
  int64_t bytes() const;

 private:
  int64_t tally_before_;
  uint64_t handle_;
};

}  // namespace monge::solve

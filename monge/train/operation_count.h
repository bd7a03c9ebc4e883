// Counts the floating-point operations of matrix products and convolutions, as they are made.
#pragma once

#include <cstdint>

namespace monge::train {

/// While it lives, counts what LibTorch is asked for in any thread: 2 m n k for a product, 2 |output| k^2 in for a
/// convolution and for each of its gradients; and what our own kernels report (nn/operation_tally.h). Convolutions with
/// fewer multiplications report those of the direct one that they replace, so a share of the matrix ceiling may exceed
/// 100 %. Element-wise work is not counted: it is bound by memory. One at a time.
class OperationCount {
 public:
  OperationCount();
  ~OperationCount();
  OperationCount(const OperationCount&) = delete;
  OperationCount& operator=(const OperationCount&) = delete;

  int64_t operations() const;

 private:
  int64_t ours_before_;
  uint64_t handle_;
};

}  // namespace monge::train

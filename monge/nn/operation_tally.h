// Floating-point operations of kernels that LibTorch does not see.
#pragma once

#include <atomic>
#include <cstdint>

namespace monge::nn {

/// Operations (a multiplication and an addition are two) that our own matrix products and convolutions did, in any
/// thread, since the program began. solve::OperationCount reads it beside what LibTorch is asked for. A convolution
/// that needs fewer multiplications than the direct one reports those of the direct one, so that shares of a ceiling
/// compare the same work; they may then exceed 100 %.
inline std::atomic<int64_t> operation_tally{0};

}  // namespace monge::nn

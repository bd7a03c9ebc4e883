// Counts the floating-point operations of our own kernels, which LibTorch does not see.
#pragma once

#include <atomic>
#include <cstdint>

namespace monge::nn {

/// The number of operations (a multiplication and an addition are two) of our own matrix products and convolutions, in
/// all threads, since the program began. solve::OperationCount adds it to the count of LibTorch's operators. A
/// convolution with fewer multiplications than the direct one counts as the direct one, so that fractions of a ceiling
/// compare the same work; they may then exceed 100 %.
inline std::atomic<int64_t> operation_tally{0};

}  // namespace monge::nn

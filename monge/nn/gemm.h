// Products of small and medium float32 matrices on one thread, for the networks of vectors and for Winograd
// convolutions. They avoid the overhead of a library's call, and of packing a matrix again that is already packed.
#pragma once

#include <cstdint>

namespace monge::nn::gemm {

/// The columns of a packed panel. A packed matrix [k, n] has ceil(n/32) panels of [k, 32]; zeros fill the last one.
constexpr int64_t kPanel = 32;

/// The number of floats of a packed matrix [k, n].
constexpr int64_t packed_size(int64_t k, int64_t n) { return (n + kPanel - 1) / kPanel * kPanel * k; }

/// Packs b [k, n], whose entry (p, j) is at b[p * row_stride + j * column_stride]; one of the strides must be 1.
/// @param packed  packed_size(k, n) floats.
void pack(const float* b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n, float* packed);

/// A function to apply to each block of the result while it is in the first cache: to rows [row, row + rows) and
/// columns [column, column + columns).
struct Epilogue {
  void (*call)(const void* context, int64_t row, int64_t rows, int64_t column, int64_t columns) = nullptr;
  const void* context = nullptr;
};

/// c[m, n] = a[m, k] b, or c += a b with `accumulate`; the rows of a and c are lda and ldc floats apart. Adds its
/// operations to operation_tally.
void multiply(const float* a, int64_t lda, const float* packed_b, float* c, int64_t ldc, int64_t m, int64_t k,
              int64_t n, bool accumulate, const Epilogue& epilogue = {});

/// c[m, n] = sum over r of a[r, m] b[r, n] (a transposed times b), or c += that. Packs nothing. Fastest if n is a
/// multiple of 16.
void multiply_transposed(const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t rows,
                         int64_t m, int64_t n, bool accumulate);

/// c[m, n] = a[m, k] b[n, k]^T for a small n, for which a panel would be mostly zeros. Sums along rows.
void multiply_narrow(const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t m,
                     int64_t k, int64_t n);

}  // namespace monge::nn::gemm

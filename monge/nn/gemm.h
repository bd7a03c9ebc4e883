// Products of small and middling float32 matrices on one core: what networks of vectors and Winograd convolutions need,
// without a library's cost of a call and of packing again what is packed already.
#pragma once

#include <cstdint>

namespace monge::nn::gemm {

/// Columns of a packed panel. A packed matrix [k, n] is stored as ceil(n/32) panels of [k, 32], the last filled up with
/// zeros.
constexpr int64_t kPanel = 32;

/// Floats of a packed [k, n].
constexpr int64_t packed_size(int64_t k, int64_t n) { return (n + kPanel - 1) / kPanel * kPanel * k; }

/// Packs b[k, n], whose entry (p, j) is at b[p * row_stride + j * column_stride]; one of the strides is 1.
/// @param packed  packed_size(k, n) floats.
void pack(const float* b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n, float* packed);

/// What is done to a block of the result while it is in the first cache: rows [row, row + rows), columns likewise.
struct Finish {
  void (*call)(const void* context, int64_t row, int64_t rows, int64_t column, int64_t columns) = nullptr;
  const void* context = nullptr;
};

/// c[m, n] = a[m, k] b, or c += a b; rows of a and c are lda and ldc floats apart. Counts its operations in
/// operation_tally.
void multiply(const float* a, int64_t lda, const float* packed_b, float* c, int64_t ldc, int64_t m, int64_t k,
              int64_t n, bool accumulate, const Finish& finish = {});

/// c[m, n] = sum over r of a[r, m] b[r, n] (a transposed times b), or c += that. Nothing is packed. Best with n a
/// multiple of 16.
void multiply_transposed(const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t rows,
                         int64_t m, int64_t n, bool accumulate);

/// c[m, n] = a[m, k] b[n, k]^T for an n of a few: sums along rows, since a panel would be nearly all zeros.
void multiply_narrow(const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t m,
                     int64_t k, int64_t n);

}  // namespace monge::nn::gemm

// Products of small and medium float32 matrices on one thread, for the networks of vectors and for Winograd
// convolutions. They avoid the overhead of a library's call, and of packing a matrix again that is already packed.
#pragma once

#include <cstdint>

namespace monge::nn::gemm {

/// How a product is computed: on the processor's vectors in float32, or on its matrix units for bfloat16, each number
/// as a sum of two or three of bfloat16 (gemm_matrix_units.h). fp32 stands in for the others where there are no units.
enum class ProductPrecision { fp32, bf16x3, bf16x6 };

/// The columns of a packed panel. A packed matrix [k, n] has ceil(n/32) panels of [k, 32]; zeros fill the last one. For
/// matrix units it is packed in another way.
constexpr int64_t kPanel = 32;

/// The number of floats of a packed matrix [k, n]; depends on the processor.
int64_t packed_size(int64_t k, int64_t n, ProductPrecision products = ProductPrecision::fp32);

/// The number of rows of the largest tile: blocks of a multiple of it are fastest.
int64_t tile_rows(ProductPrecision products);

/// Packs b [k, n], whose entry (p, j) is at b[p * row_stride + j * column_stride]; one of the strides must be 1.
/// @param packed  packed_size(k, n, products) floats, aligned to 64 bytes.
void pack(const float* b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n, float* packed,
          ProductPrecision products = ProductPrecision::fp32);

/// A function to apply to each block of the result while it is in the first cache: to rows [row, row + rows) and
/// columns [column, column + columns).
struct Epilogue {
  void (*call)(const void* context, int64_t row, int64_t rows, int64_t column, int64_t columns) = nullptr;
  const void* context = nullptr;
};

/// c[m, n] = a[m, k] b, or c += a b with `accumulate`; the rows of a and c are lda and ldc floats apart. Adds its
/// operations to operation_tally.
/// @param products  that with which b was packed, on the same processor. The epilogue must not multiply.
void multiply(const float* a, int64_t lda, const float* packed_b, float* c, int64_t ldc, int64_t m, int64_t k,
              int64_t n, bool accumulate, const Epilogue& epilogue = {},
              ProductPrecision products = ProductPrecision::fp32);

/// c[m, n] = sum over r of a[r, m] b[r, n] (a transposed times b), or c += that. Packs nothing. Fastest if n is a
/// multiple of 16.
void multiply_transposed(const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t rows,
                         int64_t m, int64_t n, bool accumulate, ProductPrecision products = ProductPrecision::fp32);

/// c[m, n] = a[m, k] b[n, k]^T for a small n, for which a panel would be mostly zeros. Sums along rows.
void multiply_narrow(const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t m,
                     int64_t k, int64_t n);

}  // namespace monge::nn::gemm

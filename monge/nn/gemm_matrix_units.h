// Products of float32 matrices on a processor's matrix units for bfloat16 (Intel's AMX).
//
// Each entry is the exact sum of three bfloat16 numbers, a = a1 + a2 + a3 of 8 significant bits each. Summed in
// float32,
//
//     bf16x6:  a b ~ a1 b1 + a1 b2 + a2 b1 + a2 b2 + a1 b3 + a3 b1, within 2^-24 |a b|
//     bf16x3:  a b ~ a1 b1 + a1 b2 + a2 b1, within 2^-15 |a b|
//
// (the digit counts products, as in XLA), so that bf16x6 is as accurate as float32's own products; the units have 16
// times the throughput of the vectors. Denormal parts count as zero: the bounds hold for entries and products above
// about 2^-100. Infinity, and entries that round to it (3.39e38), give NaN. (Henry, Tang, Heinecke 2019, "Leveraging
// the bfloat16 artificial intelligence datatype for higher-precision computations".)
#pragma once

#include <atomic>
#include <cstdint>

#include "monge/nn/gemm.h"

namespace monge::nn::gemm {

/// False forbids the units, as if there were none. Tests set it.
inline std::atomic<bool> matrix_units_allowed{true};

/// Whether this process may use them: the processor has them, and the system, which is asked once, allows it.
bool has_matrix_units();

/// Whether a product with k terms and n columns is computed here on this processor: not fp32, nor one with so few of
/// either that it would waste most of a tile.
bool on_matrix_units(ProductPrecision products, int64_t k, int64_t n);

/// multiply() and what belongs to it, as gemm.h defines them, for sizes with on_matrix_units. All packs are alike.
int64_t matrix_packed_size(int64_t k, int64_t n);
void matrix_pack(const float* b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n, float* packed);
void matrix_multiply(ProductPrecision products, const float* a, int64_t lda, const float* packed_b, float* c,
                     int64_t ldc, int64_t m, int64_t k, int64_t n, bool accumulate, const Epilogue& epilogue);

/// multiply_transposed(), for on_matrix_units(products, rows, min(m, n)).
void matrix_multiply_transposed(ProductPrecision products, const float* a, int64_t lda, const float* b, int64_t ldb,
                                float* c, int64_t ldc, int64_t rows, int64_t m, int64_t n, bool accumulate);

}  // namespace monge::nn::gemm

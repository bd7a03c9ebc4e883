#include "monge/nn/gemm.h"

#include <algorithm>

#include "monge/nn/gemm_matrix_units.h"
#include "monge/nn/gemm_tile.h"
#include "monge/nn/operation_tally.h"
#include "monge/nn/vector_width.h"

namespace monge::nn::gemm {
namespace {

/// Writes the sums of a tile, or adds them.
template <int Lanes>
[[gnu::always_inline]] inline void put(float* to, int64_t count, const Vector<Lanes>& sum, bool accumulate) {
  if (count == Lanes) {
    store<LooseFloats<Lanes>>(to, accumulate ? load<LooseFloats<Lanes>>(to) + sum : sum);
  } else {
    store<LooseFloats<Lanes>>(to, accumulate ? load<LooseFloats<Lanes>>(to, count) + sum : sum, count);
  }
}

struct Multiply {
  template <int Lanes>
  [[gnu::always_inline]] static inline void run(const float* a, int64_t lda, const float* packed_b, float* c,
                                                int64_t ldc, int64_t m, int64_t k, int64_t n, bool accumulate,
                                                Epilogue epilogue) {
    packed_product<Lanes>(
        a, lda, packed_b, m, k, n,
        [=](int64_t row, int64_t column, int64_t count, const Vector<Lanes>& sum) {
          put<Lanes>(c + row * ldc + column, count, sum, accumulate);
        },
        [=](int64_t row, int64_t rows, int64_t column, int64_t columns) {
          if (epilogue.call) epilogue.call(epilogue.context, row, rows, column, columns);
        });
  }
};

struct MultiplyTransposed {
  template <int Lanes>
  [[gnu::always_inline]] static inline void run(const float* a, int64_t lda, const float* b, int64_t ldb, float* c,
                                                int64_t ldc, int64_t terms, int64_t m, int64_t n, bool accumulate) {
    constexpr int kRows = kTileRows<Lanes>;
    for (int64_t j = 0; j < n;) {
      const int64_t columns = n - j >= 2 * Lanes ? 2 * Lanes : std::min<int64_t>(n - j, Lanes);
      for (int64_t i = 0; i < m; i += kRows) {
        const int64_t rows = std::min<int64_t>(m - i, kRows);
        const auto out = [&](int r, int v, const Vector<Lanes>& sum) {
          put<Lanes>(c + (i + r) * ldc + j + v * Lanes, std::min<int64_t>(columns - v * Lanes, Lanes), sum, accumulate);
        };
        const auto all = std::make_integer_sequence<int, kRows>();
        if (columns == 2 * Lanes && rows == kRows) {
          tile<Lanes, kRows, 2, true, false>(a + i, {1, lda}, b + j, ldb, terms, Lanes, out);
        } else if (columns == 2 * Lanes) {
          tile_of_rows<Lanes, 2, true, false>(rows, a + i, {1, lda}, b + j, ldb, terms, Lanes, out, all);
        } else if (columns == Lanes) {
          tile_of_rows<Lanes, 1, true, false>(rows, a + i, {1, lda}, b + j, ldb, terms, Lanes, out, all);
        } else {
          tile_of_rows<Lanes, 1, true, true>(rows, a + i, {1, lda}, b + j, ldb, terms, columns, out, all);
        }
      }
      j += columns;
    }
  }
};

struct MultiplyNarrow {
  template <int Lanes>
  [[gnu::always_inline]] static inline void run(const float* a, int64_t lda, const float* b, int64_t ldb, float* c,
                                                int64_t ldc, int64_t m, int64_t k, int64_t n) {
    constexpr int kTogether = 4;  // independent sums, so that none waits for another
    for (int64_t i = 0; i < m; i += kTogether) {
      const int64_t rows = std::min<int64_t>(m - i, kTogether);
      for (int64_t j = 0; j < n; ++j) {
        Vector<Lanes> sum[kTogether] = {};
        for (int64_t p = 0; p < k; p += Lanes) {
          const int64_t count = std::min<int64_t>(k - p, Lanes);
          const auto other = count == Lanes ? load<LooseFloats<Lanes>>(b + j * ldb + p)
                                            : load<LooseFloats<Lanes>>(b + j * ldb + p, count);
          for (int64_t r = 0; r < kTogether; ++r) {
            const float* from = a + (i + std::min(r, rows - 1)) * lda + p;
            sum[r] += other * (count == Lanes ? load<LooseFloats<Lanes>>(from) : load<LooseFloats<Lanes>>(from, count));
          }
        }
        for (int64_t r = 0; r < rows; ++r) {
          float total = 0;
          for (int lane = 0; lane < Lanes; ++lane) total += sum[r][lane];
          c[(i + r) * ldc + j] = total;
        }
      }
    }
  }
};

}  // namespace

int64_t packed_size(int64_t k, int64_t n, ProductPrecision products) {
  return on_matrix_units(products, k, n) ? matrix_packed_size(k, n) : (n + kPanel - 1) / kPanel * kPanel * k;
}

int64_t tile_rows(ProductPrecision products) {
  if (on_matrix_units(products, kPanel, kPanel)) return kPanel;
  return vector_width() >= VectorWidth::bits_512 ? kTileRows<16> : kTileRows<8>;
}

void pack(const float* b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n, float* packed,
          ProductPrecision products) {
  if (on_matrix_units(products, k, n)) return matrix_pack(b, row_stride, column_stride, k, n, packed);
  for (int64_t j = 0; j < n; j += kPanel, packed += kPanel * k) {
    const int64_t columns = std::min(kPanel, n - j);
    if (columns < kPanel) std::fill_n(packed, kPanel * k, 0.0F);
    if (column_stride == 1) {
      for (int64_t p = 0; p < k; ++p) std::copy_n(b + p * row_stride + j, columns, packed + p * kPanel);
      continue;
    }
    // The columns are contiguous: copies squares of 16, so that source and destination fit in the first cache.
    constexpr int64_t kSquare = 16;
    for (int64_t p = 0; p < k; p += kSquare) {
      const int64_t end = std::min(k, p + kSquare);
      for (int64_t c = 0; c < columns; ++c) {
        const float* from = b + (j + c) * column_stride;
        for (int64_t q = p; q < end; ++q) packed[q * kPanel + c] = from[q * row_stride];
      }
    }
  }
}

void multiply(const float* a, int64_t lda, const float* packed_b, float* c, int64_t ldc, int64_t m, int64_t k,
              int64_t n, bool accumulate, const Epilogue& epilogue, ProductPrecision products) {
  operation_tally.fetch_add(2 * m * k * n, std::memory_order_relaxed);
  if (on_matrix_units(products, k, n))
    return matrix_multiply(products, a, lda, packed_b, c, ldc, m, k, n, accumulate, epilogue);
  run_widest<Multiply>(a, lda, packed_b, c, ldc, m, k, n, accumulate, epilogue);
}

void multiply_transposed(const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t rows,
                         int64_t m, int64_t n, bool accumulate, ProductPrecision products) {
  operation_tally.fetch_add(2 * m * rows * n, std::memory_order_relaxed);
  if (on_matrix_units(products, rows, std::min(m, n)))
    return matrix_multiply_transposed(products, a, lda, b, ldb, c, ldc, rows, m, n, accumulate);
  run_widest<MultiplyTransposed>(a, lda, b, ldb, c, ldc, rows, m, n, accumulate);
}

void multiply_narrow(const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t m,
                     int64_t k, int64_t n) {
  operation_tally.fetch_add(2 * m * k * n, std::memory_order_relaxed);
  run_widest<MultiplyNarrow>(a, lda, b, ldb, c, ldc, m, k, n);
}

}  // namespace monge::nn::gemm

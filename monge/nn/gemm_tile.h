// The inner loop of every product: it holds a tile of the result in registers during the sum.
#pragma once

#include <cstdint>
#include <utility>

#include "monge/nn/gemm.h"
#include "monge/nn/vectors.h"

namespace monge::nn::gemm {

template <int Lanes>
using Vector = typename LooseFloats<Lanes>::Type;

/// Rows of a tile: 14 x 2 vectors of 32 registers with 512 bits, 6 x 2 of 16 registers with 256.
template <int Lanes>
constexpr int kTileRows = Lanes == 16 ? 14 : 6;

/// The layout of a: entry (row r, term p) is at a[r * row + p * term].
struct Strides {
  int64_t row, term;
};

/// The sums over k of a b for R rows and V vectors of columns; calls out(row, vector, sum) for each.
/// @param partial  the number of columns of the last vector that may be read if b is not packed; else Lanes.
template <int Lanes, int R, int V, bool TransposedA, bool Partial, class Out>
[[gnu::always_inline]] inline void tile(const float* a, Strides at, const float* b, int64_t b_stride, int64_t k,
                                        int64_t partial, const Out& out) {
  Vector<Lanes> sum[R][V] = {};
  for (int64_t p = 0; p < k; ++p) {
    Vector<Lanes> columns[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v)
      columns[v] = Partial && v == V - 1 ? load<LooseFloats<Lanes>>(b + v * Lanes, partial)
                                         : load<LooseFloats<Lanes>>(b + v * Lanes);
    b += b_stride;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const float entry = TransposedA ? a[p * at.term + r] : a[r * at.row + p];
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[r][v] += entry * columns[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) out(r, v, sum[r][v]);
  }
}

/// tile() for any number of rows up to kTileRows.
template <int Lanes, int V, bool TransposedA, bool Partial, class Out, int... R>
[[gnu::always_inline]] inline void tile_of_rows(int64_t rows, const float* a, Strides at, const float* b,
                                                int64_t b_stride, int64_t k, int64_t partial, const Out& out,
                                                std::integer_sequence<int, R...>) {
  // Exactly one of them runs; the compiler makes this a jump table.
  ((rows == R + 1 ? tile<Lanes, R + 1, V, TransposedA, Partial>(a, at, b, b_stride, k, partial, out) : void()), ...);
}

/// Calls out(row, column, count, sum) for all entries of a[m, k] b[k, n], with b packed; `sum` holds `count` columns
/// from `column` on. Calls done(row, rows, column, columns) as soon as a block is complete. Goes panel by panel, so
/// that a panel serves all rows while it is in the cache.
template <int Lanes, class Out, class Done>
[[gnu::always_inline]] inline void packed_product(const float* a, int64_t lda, const float* packed_b, int64_t m,
                                                  int64_t k, int64_t n, const Out& out, const Done& done) {
  constexpr int kRows = kTileRows<Lanes>, kColumns = 2 * Lanes;
  constexpr int64_t kBlock = 4 * kRows;  // rows x 32 columns: 7 KiB, a fifth of the first cache
  const Strides at{lda, 1};
  const auto all = std::make_integer_sequence<int, kRows>();
  for (int64_t j = 0; j < n; j += kColumns) {
    const float* b = packed_b + j / kPanel * kPanel * k + j % kPanel;
    const int64_t columns = n - j < kColumns ? n - j : kColumns;
    for (int64_t i = 0; i < m; i += kRows) {
      const int64_t rows = m - i < kRows ? m - i : kRows;
      const auto put = [&](int r, int v, const Vector<Lanes>& sum) {
        const int64_t left = columns - v * Lanes;
        if (left > 0) out(i + r, j + v * Lanes, left < Lanes ? left : Lanes, sum);
      };
      const float* from = a + i * lda;
      if (rows == kRows && columns > Lanes) {
        tile<Lanes, kRows, 2, false, false>(from, at, b, kPanel, k, Lanes, put);
      } else if (columns > Lanes) {
        tile_of_rows<Lanes, 2, false, false>(rows, from, at, b, kPanel, k, Lanes, put, all);
      } else {
        tile_of_rows<Lanes, 1, false, false>(rows, from, at, b, kPanel, k, Lanes, put, all);
      }
      const int64_t end = i + rows, begin = (end - 1) / kBlock * kBlock;
      if (end == m || end - begin == kBlock) done(begin, end - begin, j, columns);
    }
  }
}

}  // namespace monge::nn::gemm

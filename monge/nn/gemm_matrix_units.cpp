#include "monge/nn/gemm_matrix_units.h"

#include <ATen/cpu/Utils.h>

#include <algorithm>

#include "monge/nn/vector_width.h"
#include "monge/nn/workspace.h"

#ifdef MONGE_X86_KERNELS
#include <immintrin.h>
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 warns of its own header's undefined vectors
#endif
#endif

namespace monge::nn::gemm {

#ifdef MONGE_X86_KERNELS
namespace {

#define MONGE_TARGET_TILES [[gnu::target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,amx-tile,amx-bf16")]]
#define MONGE_TILES_INLINE MONGE_TARGET_TILES [[gnu::always_inline]] inline

// A tile has 16 rows of 16 pairs of bfloat16. A block has 32 rows or columns and a chunk of 32 terms: for each of the
// three parts of its numbers two tiles, one behind the other. The pair j of a chunk holds its terms j and 16 + j, so
// that two vectors make one without a shuffle.
constexpr int64_t kSide = 32, kChunk = 32, kTileLength = 16 * 32, kPartLength = 2 * kTileLength,
                  kBlockLength = 3 * kPartLength;
constexpr int64_t kRowBytes = 64;

int64_t pieces_of(int64_t count, int64_t each) { return (count + each - 1) / each; }

/// The configuration of tiles as the instruction reads it: all eight have 16 rows of 64 bytes.
struct alignas(64) TileShapes {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};
constexpr TileShapes kShapes{1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

/// Sets the configuration of this thread's tiles, and at the end what it was: LibTorch's kernels set theirs, too.
/// GCC's intrinsics name only a part of the memory that these instructions access, so they are written out.
class TileScope {
 public:
  MONGE_TARGET_TILES TileScope() {
    __asm__ volatile("sttilecfg %0" : "=m"(before_));
    __asm__ volatile("ldtilecfg %0" : : "m"(kShapes));
  }
  MONGE_TARGET_TILES ~TileScope() {
    if (before_.palette == 0) {
      _tile_release();
    } else {
      __asm__ volatile("ldtilecfg %0" : : "m"(before_));
    }
  }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;

 private:
  TileShapes before_;
};

/// The loads and stores of tiles are opaque to the compiler, which must not move other accesses across them.
MONGE_TILES_INLINE void order_memory() { __asm__ volatile("" ::: "memory"); }

/// The three parts of 16 numbers, each in the upper half of a lane.
struct Parts {
  __m512i part[3];
};

MONGE_TILES_INLINE Parts split_in_parts(__m512 value) {
  const __m512i half = _mm512_set1_epi32(0x8000), upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000));
  Parts out;
  for (auto& part : out.part) {
    const __m512i bits = _mm512_castps_si512(value);
    // Rounds to the nearest, except for NaN, which a carry could make a number.
    const __mmask16 ordered = _mm512_cmp_ps_mask(value, value, _CMP_ORD_Q);
    part = _mm512_and_si512(
        _mm512_mask_add_epi32(_mm512_or_si512(bits, _mm512_set1_epi32(0x400000)), ordered, bits, half), upper);
    value = _mm512_sub_ps(value, _mm512_castsi512_ps(part));
  }
  return out;
}

/// Joins 16 numbers with 16 others to pairs.
MONGE_TILES_INLINE Parts pairs_in_parts(__m512 low, __m512 high) {
  Parts a = split_in_parts(low);
  const Parts b = split_in_parts(high);
  for (int p = 0; p < 3; ++p) a.part[p] = _mm512_or_si512(_mm512_srli_epi32(a.part[p], 16), b.part[p]);
  return a;
}

MONGE_TILES_INLINE __m512 load_first(const float* from, int64_t count) {
  if (count >= 16) return _mm512_loadu_ps(from);
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << std::max<int64_t>(count, 0)) - 1), from);
}

/// Transposes 16 x 16 pairs.
MONGE_TILES_INLINE void transpose_pairs(__m512i* rows) {
  __m512i a[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  __m512i b[16];
  for (int i = 0; i < 16; i += 4) {
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    const __m512i low = _mm512_shuffle_i32x4(b[i], b[i + 4], 0x88), low2 = _mm512_shuffle_i32x4(b[i], b[i + 4], 0xDD);
    const __m512i high = _mm512_shuffle_i32x4(b[i + 8], b[i + 12], 0x88),
                  high2 = _mm512_shuffle_i32x4(b[i + 8], b[i + 12], 0xDD);
    rows[i] = _mm512_shuffle_i32x4(low, high, 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(low, high, 0xDD);
    rows[i + 4] = _mm512_shuffle_i32x4(low2, high2, 0x88);
    rows[i + 12] = _mm512_shuffle_i32x4(low2, high2, 0xDD);
  }
}

/// Fills a block whose rows of 16 pairs are `count` (at most 32) rows of x from column `term` on, of `terms` in all.
MONGE_TILES_INLINE void fill_along_rows(const float* x, int64_t stride, int64_t count, int64_t term, int64_t terms,
                                        uint16_t* block) {
  for (int64_t r = 0; r < kSide; ++r) {
    const int64_t left = terms - term;
    const float* from = x + std::min(r, count - 1) * stride + term;
    const __m512 low = load_first(from, r < count ? left : 0);
    const __m512 high = left > 16 && r < count ? load_first(from + 16, left - 16) : _mm512_setzero_ps();
    const Parts parts = pairs_in_parts(low, high);
    for (int p = 0; p < 3; ++p) _mm512_store_si512(block + p * kPartLength + r * kChunk, parts.part[p]);
  }
}

/// Row `at` of x, whose `terms` rows have `count` columns from here on; zeros beyond them.
MONGE_TILES_INLINE __m512 load_term(const float* x, int64_t stride, int64_t at, int64_t terms, int64_t count) {
  return at < terms ? load_first(x + at * stride, count) : _mm512_setzero_ps();
}

/// Fills a block of `columns` (at most 32) columns of x and rows `term`, ..., term + 31 of `terms` in all.
/// @tparam Transposed  whether the rows of its tiles are x's columns; else each holds two rows of x.
template <bool Transposed>
MONGE_TILES_INLINE void fill_along_columns(const float* x, int64_t stride, int64_t columns, int64_t term, int64_t terms,
                                           uint16_t* block) {
  for (int64_t tile = 0; tile < 2; ++tile) {
    __m512i rows[3][16];
    for (int64_t r = 0; r < 16; ++r) {
      const Parts parts = pairs_in_parts(load_term(x + 16 * tile, stride, term + r, terms, columns - 16 * tile),
                                         load_term(x + 16 * tile, stride, term + 16 + r, terms, columns - 16 * tile));
      for (int p = 0; p < 3; ++p) rows[p][r] = parts.part[p];
    }
    for (int p = 0; p < 3; ++p) {
      if (Transposed) transpose_pairs(rows[p]);
      for (int64_t r = 0; r < 16; ++r)
        _mm512_store_si512(block + p * kPartLength + tile * kTileLength + r * kChunk, rows[p][r]);
    }
  }
}

/// Adds the product of a block of rows and one of columns, chunk after chunk, to the tiles 0 to 3. Small terms first.
template <ProductPrecision Kind, bool BothRows, bool BothColumns>
MONGE_TILES_INLINE void add_products(const uint16_t* a, const uint16_t* b, int64_t chunks) {
#define MONGE_ROWS(part)                               \
  _tile_loadd(4, a + (part) * kPartLength, kRowBytes); \
  if (BothRows) _tile_loadd(5, a + (part) * kPartLength + kTileLength, kRowBytes)
#define MONGE_COLUMNS(part)                            \
  _tile_loadd(6, b + (part) * kPartLength, kRowBytes); \
  if (BothColumns) _tile_loadd(7, b + (part) * kPartLength + kTileLength, kRowBytes)
#define MONGE_PRODUCTS                      \
  _tile_dpbf16ps(0, 4, 6);                  \
  if (BothColumns) _tile_dpbf16ps(1, 4, 7); \
  if (BothRows) _tile_dpbf16ps(2, 5, 6);    \
  if (BothRows && BothColumns) _tile_dpbf16ps(3, 5, 7)
  for (int64_t k = 0; k < chunks; ++k, a += kBlockLength, b += kBlockLength) {
    if constexpr (Kind == ProductPrecision::bf16x6) {
      MONGE_ROWS(0);
      MONGE_COLUMNS(2);
      MONGE_PRODUCTS;
      MONGE_ROWS(2);
      MONGE_COLUMNS(0);
      MONGE_PRODUCTS;
      MONGE_ROWS(1);
      MONGE_COLUMNS(1);
      MONGE_PRODUCTS;
    } else {
      MONGE_COLUMNS(1);
    }
    MONGE_ROWS(0);
    MONGE_PRODUCTS;
    MONGE_COLUMNS(0);
    MONGE_PRODUCTS;
    MONGE_ROWS(1);
    MONGE_PRODUCTS;
  }
#undef MONGE_ROWS
#undef MONGE_COLUMNS
#undef MONGE_PRODUCTS
}

/// c[rows, columns], at most 32 x 32, = the product of two blocks, or += that.
template <ProductPrecision Kind>
MONGE_TILES_INLINE void block_product(const uint16_t* a, const uint16_t* b, int64_t chunks, float* c, int64_t ldc,
                                      int64_t rows, int64_t columns, bool accumulate) {
  alignas(64) float part[kSide * kSide];
  const bool whole = rows == kSide && columns == kSide;
  float* to = whole ? c : part;
  const int64_t stride = whole ? ldc : kSide, bytes = stride * static_cast<int64_t>(sizeof(float));
  order_memory();
  if (whole && accumulate) {
    _tile_loadd(0, to, bytes);
    _tile_loadd(1, to + 16, bytes);
    _tile_loadd(2, to + 16 * stride, bytes);
    _tile_loadd(3, to + 16 * stride + 16, bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  if (rows > 16 && columns > 16) {
    add_products<Kind, true, true>(a, b, chunks);
  } else if (rows > 16) {
    add_products<Kind, true, false>(a, b, chunks);
  } else if (columns > 16) {
    add_products<Kind, false, true>(a, b, chunks);
  } else {
    add_products<Kind, false, false>(a, b, chunks);
  }
  _tile_stored(0, to, bytes);
  _tile_stored(1, to + 16, bytes);
  _tile_stored(2, to + 16 * stride, bytes);
  _tile_stored(3, to + 16 * stride + 16, bytes);
  order_memory();
  if (whole) return;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < columns; ++j)
      c[r * ldc + j] = accumulate ? c[r * ldc + j] + part[r * kSide + j] : part[r * kSide + j];
  }
}

uint16_t* as_parts(float* memory) { return reinterpret_cast<uint16_t*>(memory); }
const uint16_t* as_parts(const float* memory) { return reinterpret_cast<const uint16_t*>(memory); }

MONGE_TARGET_TILES void pack_blocks(const float* b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n,
                                    uint16_t* to) {
  for (int64_t j = 0; j < n; j += kSide) {
    const int64_t columns = std::min(kSide, n - j);
    for (int64_t p = 0; p < k; p += kChunk, to += kBlockLength) {
      if (column_stride == 1) {
        fill_along_columns<false>(b + j, row_stride, columns, p, k, to);
        continue;
      }
      fill_along_rows(b + j * column_stride, column_stride, columns, p, k, to);
      for (int64_t tile = 0; tile < 6; ++tile) {
        __m512i rows[16];
        for (int64_t r = 0; r < 16; ++r) rows[r] = _mm512_load_si512(to + tile * kTileLength + r * kChunk);
        transpose_pairs(rows);
        for (int64_t r = 0; r < 16; ++r) _mm512_store_si512(to + tile * kTileLength + r * kChunk, rows[r]);
      }
    }
  }
}

template <ProductPrecision Kind>
MONGE_TARGET_TILES void multiply_blocks(const float* a, int64_t lda, const uint16_t* b, float* c, int64_t ldc,
                                        int64_t m, int64_t k, int64_t n, bool accumulate, const Epilogue& epilogue,
                                        uint16_t* a_blocks) {
  const int64_t chunks = pieces_of(k, kChunk);
  const TileScope tiles;
  for (int64_t i = 0; i < m; i += kSide) {
    for (int64_t q = 0; q < chunks; ++q)
      fill_along_rows(a + i * lda, lda, std::min(kSide, m - i), q * kChunk, k,
                      a_blocks + (i / kSide * chunks + q) * kBlockLength);
  }
  for (int64_t j = 0; j < n; j += kSide) {
    for (int64_t i = 0; i < m; i += kSide) {
      const int64_t rows = std::min(kSide, m - i), columns = std::min(kSide, n - j);
      block_product<Kind>(a_blocks + i / kSide * chunks * kBlockLength, b + j / kSide * chunks * kBlockLength, chunks,
                          c + i * ldc + j, ldc, rows, columns, accumulate);
      if (epilogue.call) epilogue.call(epilogue.context, i, rows, j, columns);
    }
  }
}

template <ProductPrecision Kind>
MONGE_TARGET_TILES void multiply_transposed_blocks(const float* a, int64_t lda, const float* b, int64_t ldb, float* c,
                                                   int64_t ldc, int64_t terms, int64_t m, int64_t n, bool accumulate,
                                                   uint16_t* a_blocks, uint16_t* b_blocks) {
  const int64_t chunks = pieces_of(terms, kChunk);
  const TileScope tiles;
  for (int64_t q = 0; q < chunks; ++q) {
    for (int64_t i = 0; i < m; i += kSide)
      fill_along_columns<true>(a + i, lda, std::min(kSide, m - i), q * kChunk, terms,
                               a_blocks + (i / kSide * chunks + q) * kBlockLength);
    for (int64_t j = 0; j < n; j += kSide)
      fill_along_columns<false>(b + j, ldb, std::min(kSide, n - j), q * kChunk, terms,
                                b_blocks + (j / kSide * chunks + q) * kBlockLength);
  }
  for (int64_t j = 0; j < n; j += kSide) {
    for (int64_t i = 0; i < m; i += kSide)
      block_product<Kind>(a_blocks + i / kSide * chunks * kBlockLength, b_blocks + j / kSide * chunks * kBlockLength,
                          chunks, c + i * ldc + j, ldc, std::min(kSide, m - i), std::min(kSide, n - j), accumulate);
  }
}

/// The floats of memory of the blocks of `count` rows or columns.
int64_t blocks_size(int64_t count, int64_t terms) {
  return pieces_of(count, kSide) * pieces_of(terms, kChunk) * kBlockLength / 2;
}

}  // namespace

bool has_matrix_units() {
  static const bool obtained = [] {
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq"))
      return false;
    const auto abilities = at::cpu::get_cpu_capabilities();
    const auto amx = abilities.find("amx_bf16");
    return amx != abilities.end() && amx->second.isBool() && amx->second.toBool() && at::cpu::init_amx();
  }();
  return obtained && matrix_units_allowed.load(std::memory_order_relaxed);
}

bool on_matrix_units(ProductPrecision products, int64_t k, int64_t n) {
  return products != ProductPrecision::fp32 && k > kChunk / 2 && n >= 16 && has_matrix_units();
}

int64_t matrix_packed_size(int64_t k, int64_t n) { return blocks_size(n, k); }

void matrix_pack(const float* b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t n, float* packed) {
  pack_blocks(b, row_stride, column_stride, k, n, as_parts(packed));
}

void matrix_multiply(ProductPrecision products, const float* a, int64_t lda, const float* packed_b, float* c,
                     int64_t ldc, int64_t m, int64_t k, int64_t n, bool accumulate, const Epilogue& epilogue) {
  float* memory = workspace(blocks_size(m, k), WorkspaceOf::products);
  const auto run = products == ProductPrecision::bf16x6 ? multiply_blocks<ProductPrecision::bf16x6>
                                                        : multiply_blocks<ProductPrecision::bf16x3>;
  run(a, lda, as_parts(packed_b), c, ldc, m, k, n, accumulate, epilogue, as_parts(memory));
}

void matrix_multiply_transposed(ProductPrecision products, const float* a, int64_t lda, const float* b, int64_t ldb,
                                float* c, int64_t ldc, int64_t rows, int64_t m, int64_t n, bool accumulate) {
  const int64_t of_a = blocks_size(m, rows);
  float* memory = workspace(of_a + blocks_size(n, rows), WorkspaceOf::products);
  const auto run = products == ProductPrecision::bf16x6 ? multiply_transposed_blocks<ProductPrecision::bf16x6>
                                                        : multiply_transposed_blocks<ProductPrecision::bf16x3>;
  run(a, lda, b, ldb, c, ldc, rows, m, n, accumulate, as_parts(memory), as_parts(memory + of_a));
}

#undef MONGE_TARGET_TILES
#undef MONGE_TILES_INLINE

#else

bool has_matrix_units() { return false; }
bool on_matrix_units(ProductPrecision, int64_t, int64_t) { return false; }
int64_t matrix_packed_size(int64_t, int64_t) { return 0; }
void matrix_pack(const float*, int64_t, int64_t, int64_t, int64_t, float*) {}
void matrix_multiply(ProductPrecision, const float*, int64_t, const float*, float*, int64_t, int64_t, int64_t, int64_t,
                     bool, const Epilogue&) {}
void matrix_multiply_transposed(ProductPrecision, const float*, int64_t, const float*, int64_t, float*, int64_t,
                                int64_t, int64_t, int64_t, bool) {}

#endif

}  // namespace monge::nn::gemm

#if defined(MONGE_X86_KERNELS) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

// The vector types of the CPU kernels: a few floats that the compiler maps to registers. They are the vector types of
// GCC and Clang, because a loop over them uses the instructions of each clone or target. Loops that the compiler must
// vectorise by itself do not (GCC 12 leaves exponentials scalar in the wider clones).
#pragma once

#include <cstdint>
#include <cstring>

#include "monge/core/vectorised.h"

namespace monge::nn {

/// N floats aligned to their size, for values in registers.
template <int N>
struct AlignedFloats {
  static constexpr int64_t kCount = N;
  typedef float Type __attribute__((vector_size(4 * N)));
};

/// N floats aligned as a single one, for arrays in stack frames that are not aligned, as the tiles of products are.
template <int N>
struct LooseFloats {
  static constexpr int64_t kCount = N;
  typedef float Type __attribute__((vector_size(4 * N), aligned(4), may_alias));
};

/// Loads the first `count` floats; the others are zero.
/// @tparam Floats  AlignedFloats or LooseFloats: the types themselves would lose their attributes as arguments.
template <class Floats>
MONGE_INLINE typename Floats::Type load(const float* from, int64_t count = Floats::kCount) {
  typename Floats::Type out{};
  std::memcpy(&out, from, count == Floats::kCount ? sizeof out : static_cast<size_t>(count) * sizeof(float));
  return out;
}

/// Stores the first `count` floats.
template <class Floats>
MONGE_INLINE void store(float* to, const typename Floats::Type& value, int64_t count = Floats::kCount) {
  std::memcpy(to, &value, count == Floats::kCount ? sizeof value : static_cast<size_t>(count) * sizeof(float));
}

/// Calls work(at, column, count) for vectors of a block [rows, width] with rows `stride` floats apart, then for the
/// ends of its rows. The loops are apart, so that constants stay in registers from row to row. work must be
/// always_inline.
template <class Floats, class Work>
MONGE_INLINE void each_vector(int64_t rows, int64_t width, int64_t stride, const Work& work) {
  const int64_t whole = width / Floats::kCount * Floats::kCount;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < whole; i += Floats::kCount) work(row * stride + i, i, Floats::kCount);
  }
  if (whole == width) return;
  for (int64_t row = 0; row < rows; ++row) work(row * stride + whole, whole, width - whole);
}

}  // namespace monge::nn

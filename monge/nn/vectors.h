// The vectors of the kernels for CPUs: a few floats that the compiler maps to the processor's own registers. GCC's and
// Clang's vector types, because a loop over them gets the instructions of each clone or target, which loops that the
// compiler has to vectorise by itself do not (GCC 12 leaves exponentials scalar in the wider clones).
#pragma once

#include <cstdint>
#include <cstring>

#include "monge/core/vectorised.h"

namespace monge::nn {

/// N floats aligned to their size: for values that stay in registers.
template <int N>
struct AlignedFloats {
  static constexpr int64_t kCount = N;
  typedef float Type __attribute__((vector_size(4 * N)));
};

/// N floats aligned as one: for arrays of them in frames that nobody aligns, as the tiles of products are.
template <int N>
struct LooseFloats {
  static constexpr int64_t kCount = N;
  typedef float Type __attribute__((vector_size(4 * N), aligned(4), may_alias));
};

/// The first `count` floats; the rest are zero.
/// @tparam Floats  AlignedFloats or LooseFloats: the types themselves would lose their attributes as arguments.
template <class Floats>
MONGE_INLINE typename Floats::Type load(const float* from, int64_t count = Floats::kCount) {
  typename Floats::Type out{};
  std::memcpy(&out, from, count == Floats::kCount ? sizeof out : static_cast<size_t>(count) * sizeof(float));
  return out;
}

/// Writes the first `count` floats.
template <class Floats>
MONGE_INLINE void store(float* to, const typename Floats::Type& value, int64_t count = Floats::kCount) {
  std::memcpy(to, &value, count == Floats::kCount ? sizeof value : static_cast<size_t>(count) * sizeof(float));
}

}  // namespace monge::nn

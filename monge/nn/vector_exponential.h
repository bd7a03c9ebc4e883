// The exponential of a vector of floats, for the loops that are compiled once for each width.
#pragma once

#include <cstdint>

#include "monge/core/vectorised.h"
#include "monge/nn/vectors.h"

namespace monge::nn {

/// e^x as 2^n times a polynomial of degree 6 on [-ln2/2, ln2/2]. The argument is clamped to the range of float.
MONGE_INLINE AlignedFloats<16>::Type exponential(AlignedFloats<16>::Type x) {
  using Lanes = AlignedFloats<16>::Type;
  typedef int32_t Integers __attribute__((vector_size(4 * AlignedFloats<16>::kCount)));
  const Lanes low = Lanes{} - 87.0F, high = Lanes{} + 88.0F;
  x = x < low ? low : x;
  x = x > high ? high : x;
  constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const Lanes shifted = x * 1.44269504F + kRounder;
  const Lanes n = shifted - kRounder;
  const Lanes r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  Lanes p = Lanes{} + 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const Integers power = (__builtin_convertvector(n, Integers) + 127) << 23;
  return p * __builtin_bit_cast(Lanes, power);
}

}  // namespace monge::nn

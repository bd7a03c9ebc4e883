// Arithmetic on sizes that come from files or users: overflow is an error, never a wrap.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "monge/core/error.h"

namespace monge {

/// a * b. @throws Error naming `what` when the product does not fit int64_t or an operand is negative.
inline int64_t checked_multiply(int64_t a, int64_t b, std::string_view what) {
  int64_t out = 0;
  require(a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, &out), what, ": the size ", a, " x ", b, " overflows");
  return out;
}

/// a + b. @throws Error naming `what` when the sum does not fit int64_t or an operand is negative.
inline int64_t checked_add(int64_t a, int64_t b, std::string_view what) {
  int64_t out = 0;
  require(a >= 0 && b >= 0 && !__builtin_add_overflow(a, b, &out), what, ": the size ", a, " + ", b, " overflows");
  return out;
}

/// The product of a shape's extents; 1 for an empty shape.
template <class Range>
int64_t checked_product(const Range& extents, std::string_view what) {
  int64_t out = 1;
  for (const auto extent : extents) out = checked_multiply(out, static_cast<int64_t>(extent), what);
  return out;
}

}  // namespace monge

// Arithmetic on sizes that come from files or users: overflow is an error, never a wrap.
#pragma once

#include <cstdint>
#include <string_view>

#include "monge/core/error.h"

namespace monge {

/// a * b. @throws InputError naming `what` when the product does not fit int64_t or an operand is negative.
inline int64_t checked_multiply(int64_t a, int64_t b, std::string_view what) {
  int64_t out = 0;
  require(a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, &out), what, ": the size ", a, " x ", b, " overflows");
  return out;
}

/// a + b. @throws InputError naming `what` when the sum does not fit int64_t or an operand is negative.
inline int64_t checked_add(int64_t a, int64_t b, std::string_view what) {
  int64_t out = 0;
  require(a >= 0 && b >= 0 && !__builtin_add_overflow(a, b, &out), what, ": the size ", a, " + ", b, " overflows");
  return out;
}

}  // namespace monge

#include "monge/core/number.h"

#include <charconv>

namespace monge {

std::string number(double value, int digits) {
  char buffer[64];
  if (value == 0) value = 0;  // no "-0"
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::general, digits);
  return {buffer, end.ptr};
}

}  // namespace monge

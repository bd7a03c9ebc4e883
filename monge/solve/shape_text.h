// Formats the shape of an item for messages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace monge::solve {

/// "[3, 64, 64]".
inline std::string shape_text(const std::vector<int64_t>& shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

}  // namespace monge::solve

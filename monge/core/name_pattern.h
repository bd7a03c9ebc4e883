// Names that a pattern stands for.
#pragma once

#include <string_view>

namespace monge {

/// Whether the name fits the pattern, in which at most one '*' stands for any text.
inline bool fits_pattern(std::string_view name, std::string_view pattern) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return name == pattern;
  const auto before = pattern.substr(0, star), after = pattern.substr(star + 1);
  return name.size() >= before.size() + after.size() && name.starts_with(before) && name.ends_with(after);
}

}  // namespace monge

// Ordered named values and their line of JSON, for programs that have no JSON library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace monge {

using NamedValue = std::variant<std::nullptr_t, bool, int64_t, double, std::string>;
using NamedValues = std::vector<std::pair<std::string, NamedValue>>;

/// The values as one JSON object on one line, in their order. Numbers have as many digits as are needed to read back
/// the same value. Numbers that are not finite become null, the value of the unknown. Bytes that are not UTF-8 become
/// question marks.
std::string json_line(const NamedValues& values);

}  // namespace monge

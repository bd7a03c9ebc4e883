#include "monge/core/named_values.h"

#include <charconv>
#include <cmath>

#include "monge/core/quoting.h"

namespace monge {
namespace {

struct Writer {
  std::string operator()(std::nullptr_t) const { return "null"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const {
    if (!std::isfinite(value)) return "null";
    char digits[32];
    return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
  }
  std::string operator()(const std::string& value) const { return json_quoted(value); }
};

}  // namespace

std::string json_line(const NamedValues& values) {
  std::string out = "{";
  for (const auto& [name, value] : values) {
    if (out.size() > 1) out += ", ";
    out += json_quoted(name) + ": " + std::visit(Writer{}, value);
  }
  return out + "}";
}

}  // namespace monge

#include "monge/core/named_values.h"

#include <charconv>
#include <cmath>

#include "monge/core/names.h"

namespace monge {
namespace {

std::string json_quoted(const std::string& value) {
  constexpr auto digits = "0123456789abcdef";
  const bool sound = is_utf8(value);
  std::string out = "\"";
  for (const char letter : value) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x20) {
      (out += "\\u00") += {digits[byte / 16], digits[byte % 16]};
    } else if (byte >= 0x80 && !sound) {
      out += '?';
    } else {
      if (letter == '"' || letter == '\\') out += '\\';
      out += letter;
    }
  }
  return out + '"';
}

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

std::string json_line(const NamedValues& record) {
  std::string out = "{";
  for (const auto& [name, value] : record) {
    if (out.size() > 1) out += ", ";
    out += json_quoted(name) + ": " + std::visit(Writer{}, value);
  }
  return out + "}";
}

}  // namespace monge

#include "monge/core/quoting.h"

#include <algorithm>
#include <cctype>

#include "monge/core/names.h"

namespace monge {
namespace {

bool is_plain_in_a_shell(char letter) {
  const auto byte = static_cast<unsigned char>(letter);
  return byte < 128 && (std::isalnum(byte) || std::string_view("_@%+=:,./-").find(letter) != std::string_view::npos);
}

/// In double quotes, with quotes and backslashes escaped, and with control characters as \u00XX.
template <class IsControl>
std::string double_quoted(std::string_view value, const IsControl& is_control) {
  constexpr auto kDigits = "0123456789abcdef";
  std::string out = "\"";
  for (const char letter : value) {
    const auto byte = static_cast<unsigned char>(letter);
    if (is_control(byte)) {
      (out += "\\u00") += {kDigits[byte / 16], kDigits[byte % 16]};
    } else {
      if (letter == '"' || letter == '\\') out += '\\';
      out += letter;
    }
  }
  return out + '"';
}

}  // namespace

std::string shell_quoted(std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain_in_a_shell)) return std::string(word);
  std::string out = "'";
  for (const char letter : word) out += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return out + "'";
}

std::string toml_quoted(std::string_view value) {
  return double_quoted(value, [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; });
}

std::string json_quoted(std::string_view value) {
  std::string sound(value);
  if (!is_utf8(sound))
    std::replace_if(sound.begin(), sound.end(), [](char letter) { return (letter & 0x80) != 0; }, '?');
  return double_quoted(sound, [](unsigned char byte) { return byte < 0x20; });
}

}  // namespace monge

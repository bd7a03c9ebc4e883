#include "monge/core/names.h"

#include <algorithm>
#include <cctype>

namespace monge {

std::string lower_extension(const std::filesystem::path& path) {
  auto out = path.extension().string();
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return out;
}

std::string shown(std::string_view name) {
  constexpr size_t longest = 120;
  if (name.size() > longest) {
    return shown(name.substr(0, longest / 2)) + "..." + shown(name.substr(name.size() - longest / 2));
  }
  std::string out = "\"";
  for (const unsigned char letter : name) {
    constexpr auto digits = "0123456789abcdef";
    if (letter >= 32 && letter != 127) {
      out += static_cast<char>(letter);
    } else {
      (out += "\\x") += {digits[letter / 16], digits[letter % 16]};
    }
  }
  return out + '"';
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if ((code >= 0x20 && code != 0x7f) || c == '\n' || c == '\t') {
      out += c;
      continue;
    }
    static constexpr const char* kDigits = "0123456789abcdef";
    out += {'\\', 'x', kDigits[code >> 4], kDigits[code & 15]};
  }
  return out;
}

bool stays_inside(const std::filesystem::path& name) {
  return !name.empty() && name.is_relative() && std::find(name.begin(), name.end(), "..") == name.end();
}

bool is_utf8(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const auto first = static_cast<unsigned char>(bytes[i++]);
    if (first < 0x80) continue;
    // 0xc0 and 0xc1 would be overlong, above 0xf4 lies nothing.
    const size_t tail = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0;
    if (tail == 0 || bytes.size() - i < tail) return false;
    const auto second = static_cast<unsigned char>(bytes[i]);
    const unsigned least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;  // no overlong forms
    const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;   // no surrogates, no more than U+10FFFF
    if (second < least || second > most) return false;
    for (size_t t = 1; t < tail; ++t) {
      if ((static_cast<unsigned char>(bytes[i + t]) & 0xc0) != 0x80) return false;
    }
    i += tail;
  }
  return true;
}

}  // namespace monge

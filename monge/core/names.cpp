#include "monge/core/names.h"

#include <algorithm>
#include <cctype>

#include "monge/core/file_name.h"

namespace monge {

std::string lower_extension(const std::filesystem::path& path) {
  auto out = path.extension().string();
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return out;
}

namespace {

/// The number of bytes of the character at the beginning of `bytes`; 0 if it is not UTF-8.
size_t character_length(std::string_view bytes) {
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (first < 0x80) return 1;
  // 0xc0 and 0xc1 would be overlong; bytes above 0xf4 begin no character.
  const size_t tail = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0;
  if (tail == 0 || bytes.size() - 1 < tail) return 0;
  const auto second = static_cast<unsigned char>(bytes[1]);
  const unsigned least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;  // no overlong forms
  const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;   // no surrogates, nothing above U+10FFFF
  if (second < least || second > most) return 0;
  for (size_t t = 2; t <= tail; ++t) {
    if ((static_cast<unsigned char>(bytes[t]) & 0xc0) != 0x80) return 0;
  }
  return tail + 1;
}

/// @param kept  control characters that remain.
void append_printable(std::string& out, std::string_view bytes, std::string_view kept) {
  constexpr auto digits = "0123456789abcdef";
  for (size_t at = 0; at < bytes.size();) {
    const auto code = static_cast<unsigned char>(bytes[at]);
    const size_t length = character_length(bytes.substr(at));
    // U+0080 to U+009F are control characters of eight-bit terminals.
    const bool control = code < 0x20 || code == 0x7f ||
                         (code == 0xc2 && length == 2 && static_cast<unsigned char>(bytes[at + 1]) < 0xa0);
    if (length > 0 && (!control || kept.find(bytes[at]) != std::string_view::npos)) {
      out += bytes.substr(at, length);
      at += length;
      continue;
    }
    (out += "\\x") += {digits[code / 16], digits[code % 16]};
    ++at;
  }
}

}  // namespace

std::string shown(std::string_view name) {
  constexpr size_t longest = 120;
  if (name.size() > longest) {
    auto end = name.substr(name.size() - longest / 2);
    while (is_utf8(name) && !is_utf8(end)) end.remove_prefix(1);
    return shown(shortened(name, longest / 2)) + "..." + shown(end);
  }
  std::string out = "\"";
  append_printable(out, name, "");
  return out + '"';
}

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text, "\n\t");
  return out;
}

bool stays_inside(const std::filesystem::path& name) {
  return !name.empty() && name.is_relative() && std::find(name.begin(), name.end(), "..") == name.end();
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = character_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace monge

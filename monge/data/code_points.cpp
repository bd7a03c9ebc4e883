#include "monge/data/code_points.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "monge/core/error.h"
#include "monge/core/names.h"

namespace monge::data {
namespace {

constexpr uint32_t kLast = 0x10FFFF;

/// The code points of valid UTF-8.
std::vector<uint32_t> decoded(const std::string& utf8) {
  std::vector<uint32_t> out;
  for (size_t i = 0; i < utf8.size();) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t code = length == 1 ? lead : lead & (0x7fu >> length);
    for (size_t k = 1; k < length; ++k) code = code << 6 | (static_cast<unsigned char>(utf8[i + k]) & 0x3f);
    out.push_back(code);
    i += length;
  }
  return out;
}

/// A code point in hexadecimal, with or without "U+". @return whether it is one.
bool read_code(std::string_view word, uint32_t& out) {
  if (word.starts_with("U+") || word.starts_with("u+")) word.remove_prefix(2);
  const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), out, 16);
  return failure == std::errc() && end == word.data() + word.size() && out <= kLast;
}

}  // namespace

CodePoints::CodePoints(const std::string& ranges, const std::string& characters, const std::string& where) {
  for (size_t begin = 0; begin <= ranges.size() && !ranges.empty();) {
    const auto end = std::min(ranges.find(',', begin), ranges.size());
    const auto word = std::string_view(ranges).substr(begin, end - begin);
    const auto dash = word.find('-');
    Range range{};
    const bool fits = read_code(word.substr(0, dash), range.first) &&
                      (dash == std::string_view::npos || read_code(word.substr(dash + 1), range.last));
    if (dash == std::string_view::npos) range.last = range.first;
    if (!fits || range.last < range.first) {
      throw InputError({.what = "not a range of code points",
                        .where = where,
                        .value = shown(word),
                        .allowed = "hexadecimal code points up to 10FFFF, FIRST-LAST or one, separated by commas",
                        .fix = "write for example ranges=3041-3096,4E00-9FFF"});
    }
    ranges_.push_back(range);
    begin = end + 1;
  }
  require(is_utf8(characters), where, ": the characters are not UTF-8");
  characters_ = decoded(characters);
  std::sort(characters_.begin(), characters_.end());
  characters_.erase(std::unique(characters_.begin(), characters_.end()), characters_.end());
  for (const uint32_t code : characters_) ranges_.push_back({code, code});
}

bool CodePoints::contains(uint32_t code) const {
  return is_all() || std::any_of(ranges_.begin(), ranges_.end(),
                                 [&](const Range& range) { return code >= range.first && code <= range.last; });
}

std::string code_point_name(uint32_t code) {
  char name[16];
  std::snprintf(name, sizeof name, "U+%04X", static_cast<unsigned>(code));
  return name;
}

}  // namespace monge::data

#include "monge/core/option_value.h"

#include <charconv>
#include <cstdint>
#include <string>

namespace monge {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char letter) { return letter == ' ' || letter == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool digit(char letter) { return letter >= '0' && letter <= '9'; }

/// A whole or a real number; underscores may stand between digits.
std::optional<OptionValue> number_value(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.front() == '-' || text.front() == '+') return std::nullopt;
  std::string plain = negative ? "-" : "";
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      if (i == 0 || i + 1 == text.size() || !digit(text[i - 1]) || !digit(text[i + 1])) return std::nullopt;
    } else {
      plain += text[i];
    }
  }
  const char* const end = plain.data() + plain.size();
  int64_t whole = 0;
  if (const auto read = std::from_chars(plain.data(), end, whole); read.ec == std::errc() && read.ptr == end)
    return whole;
  // Of words with letters only these two are numbers; from_chars knows more ("infinity").
  if (text != "inf" && text != "nan" && text.find_first_not_of("0123456789.eE+-_") != std::string_view::npos)
    return std::nullopt;
  double real = 0;
  if (const auto read = std::from_chars(plain.data(), end, real); read.ec == std::errc() && read.ptr == end)
    return real;
  return std::nullopt;
}

std::optional<OptionValue> list_value(std::string_view inside) {
  std::vector<int64_t> wholes;
  std::vector<double> reals;
  while (!(inside = trimmed(inside)).empty()) {
    const auto comma = inside.find(',');
    const auto entry = number_value(trimmed(inside.substr(0, comma)));
    if (!entry) return std::nullopt;
    if (const auto* whole = std::get_if<int64_t>(&*entry)) {
      wholes.push_back(*whole);
      reals.push_back(static_cast<double>(*whole));
    } else {
      reals.push_back(std::get<double>(*entry));
    }
    inside = comma == std::string_view::npos ? std::string_view() : inside.substr(comma + 1);
  }
  if (!wholes.empty() && wholes.size() == reals.size()) return wholes;
  return reals;
}

void append_utf8(std::string& out, uint32_t point) {
  const auto tail = [&out](uint32_t bits) { out += static_cast<char>(0x80 | (bits & 0x3f)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | (point >> 6));
    tail(point);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | (point >> 12));
    tail(point >> 6);
    tail(point);
  } else {
    out += static_cast<char>(0xf0 | (point >> 18));
    tail(point >> 12);
    tail(point >> 6);
    tail(point);
  }
}

/// Between double quotes.
std::optional<OptionValue> escaped_text(std::string_view inside) {
  static constexpr std::string_view kNames = "btnfr\"\\", kMeanings = "\b\t\n\f\r\"\\";
  std::string out;
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == '"') return std::nullopt;
    if (inside[i] != '\\') {
      out += inside[i];
      continue;
    }
    if (++i == inside.size()) return std::nullopt;
    if (const auto at = kNames.find(inside[i]); at != std::string_view::npos) {
      out += kMeanings[at];
      continue;
    }
    const size_t length = inside[i] == 'u' ? 4 : inside[i] == 'U' ? 8 : 0;
    if (length == 0 || i + length >= inside.size()) return std::nullopt;
    uint32_t point = 0;
    const char* const begin = inside.data() + i + 1;
    if (const auto read = std::from_chars(begin, begin + length, point, 16); read.ptr != begin + length)
      return std::nullopt;
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return std::nullopt;
    append_utf8(out, point);
    i += length;
  }
  return out;
}

}  // namespace

std::optional<OptionValue> option_value(std::string_view text) {
  text = trimmed(text);
  if (text == "true") return true;
  if (text == "false") return false;
  if (text.size() >= 2) {
    const auto inside = text.substr(1, text.size() - 2);
    if (text.front() == '"') return text.back() == '"' ? escaped_text(inside) : std::nullopt;
    if (text.front() == '\'') {
      const bool ends = text.back() == '\'' && inside.find('\'') == std::string_view::npos;
      return ends ? std::optional<OptionValue>(std::string(inside)) : std::nullopt;
    }
    if (text.front() == '[') return text.back() == ']' ? list_value(inside) : std::nullopt;
  }
  return number_value(text);
}

}  // namespace monge

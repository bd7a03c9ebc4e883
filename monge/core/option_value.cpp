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

std::optional<OptionValue> number_value(std::string_view text) {
  const char *const begin = text.data(), *const end = begin + text.size();
  int64_t whole = 0;
  if (const auto read = std::from_chars(begin, end, whole); read.ec == std::errc() && read.ptr == end) return whole;
  double real = 0;
  if (const auto read = std::from_chars(begin, end, real); read.ec == std::errc() && read.ptr == end) return real;
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

}  // namespace

std::optional<OptionValue> option_value(std::string_view text) {
  text = trimmed(text);
  if (text == "true") return true;
  if (text == "false") return false;
  if (text.size() >= 2) {
    const auto inside = text.substr(1, text.size() - 2);
    const char quote = text.front();
    if (quote == '[') return text.back() == ']' ? list_value(inside) : std::nullopt;
    if (quote == '"' || quote == '\'') {
      const bool plain = text.back() == quote && inside.find(quote) == std::string_view::npos &&
                         inside.find('\\') == std::string_view::npos;
      return plain ? std::optional<OptionValue>(std::string(inside)) : std::nullopt;
    }
  }
  return number_value(text);
}

}  // namespace monge

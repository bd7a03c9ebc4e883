#include "monge/io/text_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

namespace monge::io {
namespace {

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

bool equals(std::string_view field, std::string_view lower_word) {
  return field.size() == lower_word.size() &&
         std::equal(field.begin(), field.end(), lower_word.begin(), [](char a, char b) { return lower(a) == b; });
}

/// The defaults of pandas.read_csv; \N of databases; "." of SAS and Stata, "?" of the UCI sets; spreadsheet errors.
bool is_missing(std::string_view field) {
  static constexpr std::array<std::string_view, 27> kWords = {
      "",       "na",     "n/a",     "nan",     "-nan",     "null",   "none",    "<na>",    "nat",
      "\\n",    ".",      "?",       "-",       "#n/a",     "#na",    "#nv",     "#num!",   "#ref!",
      "#name?", "#null!", "#value!", "#div/0!", "#n/a n/a", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"};
  return field.size() <= 9 && std::any_of(kWords.begin(), kWords.end(), [&](auto word) { return equals(field, word); });
}

/// Whether the whole text is a number with a decimal point.
bool parse(std::string_view digits, double& out) {
  const char* const end = digits.data() + digits.size();
  const auto [stop, fault] = std::from_chars(digits.data(), end, out);
  if (stop != end || fault == std::errc::invalid_argument) return false;
  if (fault == std::errc()) return true;
  // Out of range: too small is a number. The wider type tells which, but for exponents that are beyond it as well.
  constexpr size_t kLong = 4096;  // digits of which the wider type makes a number of as many
  long double wide = 0;
  if (digits.size() <= kLong && std::from_chars(digits.data(), end, wide).ec == std::errc()) {
    out = static_cast<double>(wide);
    return std::isfinite(out);
  }
  out = 0;
  const auto exponent = digits.find_first_of("eE");
  return exponent != std::string_view::npos && exponent + 1 < digits.size() && digits[exponent + 1] == '-';
}

}  // namespace

TextValue text_value(std::string_view field, bool decimal_comma) {
  using Kind = TextValue::Kind;
  if (is_missing(field)) return {Kind::missing, std::numeric_limits<double>::quiet_NaN()};
  auto digits = field;
  if (digits.starts_with('+') && digits.size() > 1 && digits[1] != '-' && digits[1] != '+') digits.remove_prefix(1);
  double number = 0;
  if (decimal_comma) {
    if (digits.find('.') != std::string_view::npos) return {};
    if (const auto comma = digits.find(','); comma != std::string_view::npos) {
      std::string with_point(digits);
      with_point[comma] = '.';
      if (parse(with_point, number)) return {Kind::number, number};
      return {};
    }
  }
  if (parse(digits, number)) {
    if (std::isnan(number)) return {Kind::missing, number};
    return {Kind::number, number};
  }
  if (equals(field, "true")) return {Kind::number, 1};
  if (equals(field, "false")) return {Kind::number, 0};
  return {};
}

bool is_beyond_double(std::string_view field, bool decimal_comma) {
  std::string digits(field.substr(field.starts_with('+') ? 1 : 0));
  if (decimal_comma) {
    if (digits.find('.') != std::string::npos) return false;
    if (const auto comma = digits.find(','); comma != std::string::npos) digits[comma] = '.';
  }
  double number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, fault] = std::from_chars(digits.data(), end, number);
  return stop == end && fault == std::errc::result_out_of_range && !parse(digits, number);
}

std::string rounded_whole(std::string_view field, double number) {
  const bool negative = field.starts_with('-');
  if (negative || field.starts_with('+')) field.remove_prefix(1);
  if (!is_whole(field) || !std::isfinite(number)) return {};
  field.remove_prefix(std::min(field.find_first_not_of('0'), field.size() - 1));
  char digits[512];  // the largest double has 309
  const auto length = std::snprintf(digits, sizeof digits, "%.0f", std::abs(number));
  const std::string_view rounded(digits, static_cast<size_t>(length));
  if (rounded == field) return {};
  return (negative ? "-" : "") + std::string(rounded);
}

bool is_whole(std::string_view field) {
  return !field.empty() &&
         std::all_of(field.begin(), field.end(), [](char letter) { return letter >= '0' && letter <= '9'; });
}

}  // namespace monge::io

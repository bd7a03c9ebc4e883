#include "monge/io/text_number_like.h"

#include <algorithm>
#include <array>

namespace monge::io {
namespace {

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }
bool is_letter(char letter) { return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z'); }

/// Consumes characters from the front of a text while they match.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool is_next(char letter) const { return rest_.starts_with(letter); }

  bool take(std::string_view part) {
    if (part.empty() || !rest_.starts_with(part)) return false;
    rest_.remove_prefix(part.size());
    return true;
  }
  template <size_t n>
  bool take_any(const std::array<std::string_view, n>& parts) {
    return std::any_of(parts.begin(), parts.end(), [&](auto part) { return take(part); });
  }
  template <class Fits>
  size_t take_while(const Fits& fits) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), fits);
    const auto count = static_cast<size_t>(end - rest_.begin());
    rest_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view rest_;
};

// The blanks are U+00A0 (also in Windows-1252), U+2009 and U+202F, and the apostrophe U+2019.
constexpr std::array<std::string_view, 7> kGroupMarks = {" ", "\xc2\xa0",    "\xa0", "\xe2\x80\x89", "\xe2\x80\xaf",
                                                         "'", "\xe2\x80\x99"};
constexpr std::array<std::string_view, 4> kBlanks = {" ", "\xc2\xa0", "\xe2\x80\x89", "\xe2\x80\xaf"};
// The signs are U+2212 and the dash U+2013.
constexpr std::array<std::string_view, 4> kSigns = {"-", "+", "\xe2\x88\x92", "\xe2\x80\x93"};
// Pound, yen and euro in UTF-8; pound, yen and euro in Windows-1252.
constexpr std::array<std::string_view, 7> kCurrencies = {"$",    "\xc2\xa3", "\xc2\xa5", "\xe2\x82\xac",
                                                         "\xa3", "\xa5",     "\x80"};
// The last ones are U+2264 and U+2265.
constexpr std::array<std::string_view, 6> kBounds = {"<", ">", "~", "=", "\xe2\x89\xa4", "\xe2\x89\xa5"};

/// Consumes digits, in groups of three after a mark if there is one, with a fraction and an exponent. @param fraction
/// set if there is one.
bool take_number(Scanner& in, bool& fraction) {
  size_t digits = in.take_while(is_digit);
  if (digits > 0 && digits <= 3) {
    for (Scanner group = in; group.take_any(kGroupMarks) && group.take_while(is_digit) == 3; in = group) {
    }
  }
  while (in.is_next('.') || in.is_next(',')) {
    in.take(in.is_next('.') ? "." : ",");
    const size_t more = in.take_while(is_digit);
    fraction |= more > 0;
    digits += more;
  }
  if (digits == 0) return false;
  Scanner exponent = in;
  if (exponent.take("e") || exponent.take("E") || exponent.take("d") || exponent.take("D")) {
    if (!exponent.take("-")) exponent.take("+");
    if (exponent.take_while(is_digit) > 0) in = exponent;
  }
  return true;
}

}  // namespace

bool is_spoilt_number(std::string_view field) {
  if (field.starts_with('-') || field.starts_with('+')) field.remove_prefix(1);
  if (field.empty() || !(is_digit(field[0]) || field[0] == '.')) return false;
  for (size_t i = 0; i < field.size(); ++i) {
    const bool exponent = i > 0 && (field[i - 1] == 'e' || field[i - 1] == 'E');
    const bool sign = field[i] == '-' || field[i] == '+';
    if (sign ? !exponent : std::string_view("0123456789.,eE").find(field[i]) == std::string_view::npos) return false;
  }
  return true;
}

bool is_number_like(std::string_view field) {
  constexpr size_t kUnit = 3;
  if (is_spoilt_number(field)) return true;
  Scanner in(field);
  in.take_any(kBounds);
  in.take("=");
  in.take_any(kBlanks);
  const bool round = in.take("("), square = !round && in.take("[");
  // The sign may stand on either side of a currency.
  in.take_any(kSigns);
  if (in.take_any(kCurrencies)) in.take_any(kBlanks);
  in.take_any(kSigns);
  bool fraction = false;
  if (!take_number(in, fraction)) return false;
  if (Scanner imaginary = in; imaginary.take_any(kSigns) && take_number(imaginary, fraction)) {
    if (imaginary.take("i") || imaginary.take("j")) in = imaginary;
  }
  in.take_any(kBlanks);
  const bool marked = in.take("%") || in.take_any(kCurrencies);
  if (!marked && fraction && in.take_while(is_letter) > kUnit) return false;
  if (round) in.take(")");
  if (square) in.take("]");
  return in.done();
}

bool is_grouped(std::string_view field, char mark) {
  if (field.starts_with('-') || field.starts_with('+')) field.remove_prefix(1);
  size_t digits = 0;
  while (digits < field.size() && is_digit(field[digits])) ++digits;
  if (digits == 0 || digits > 3 || digits == field.size() || field[0] == '0') return false;
  for (field.remove_prefix(digits); !field.empty(); field.remove_prefix(4)) {
    if (field.size() < 4 || field[0] != mark || !std::all_of(field.begin() + 1, field.begin() + 4, is_digit))
      return false;
  }
  return true;
}

}  // namespace monge::io

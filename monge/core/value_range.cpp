#include "monge/core/value_range.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "monge/core/error.h"

namespace monge {

ValueRange parse_value_range(const std::string& text, const std::string& key) {
  const auto refuse = [&](const std::string& what) {
    return InputError({.what = what,
                       .where = key,
                       .value = '"' + text + '"',
                       .allowed = "LOW..HIGH, LOW.. or ..HIGH, such as 0.. or 0..1"});
  };
  // "1...5" is 1 to .5 or 1. to 5, so dots belong to neither.
  const auto dots = text.find("..");
  if (dots == std::string::npos || text.find("...") != std::string::npos || text.size() == 2)
    throw refuse("not a range of numbers");
  const auto number = [&](std::string_view word, double otherwise) {
    if (word.empty()) return otherwise;
    double value = 0;
    const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (fault != std::errc() || end != word.data() + word.size() || !std::isfinite(value))
      throw refuse("not a range of numbers");
    return value;
  };
  ValueRange range;
  const std::string_view whole = text;
  range.low = number(whole.substr(0, dots), range.low);
  range.high = number(whole.substr(dots + 2), range.high);
  if (range.low > range.high) throw refuse("the lower end of the range exceeds its upper end");
  return range;
}

}  // namespace monge

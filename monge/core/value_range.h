// A range of numbers as a recipe writes it: "0..1", "0.." or "..1".
#pragma once

#include <limits>
#include <string>

namespace monge {

/// The numbers from low to high, both included.
struct ValueRange {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();

  bool operator==(const ValueRange&) const = default;
};

/// Reads "LOW..HIGH", where one of the two may be left out.
/// @param key  that holds the text, for messages. @throws InputError for another text, or LOW above HIGH.
ValueRange parse_value_range(const std::string& text, const std::string& key);

}  // namespace monge

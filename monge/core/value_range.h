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

/// Reads "LOW..HIGH". One of the two may be left out.
/// @param key  the key of the text, for messages. @throws InputError for any other text, or if LOW is above HIGH.
ValueRange parse_value_range(const std::string& text, const std::string& key);

}  // namespace monge

// Reads the value of a field in a table of text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace monge::io {

struct TextValue {
  enum class Kind {
    number,   ///< finite or infinite; true and false are 1 and 0
    missing,  ///< empty, NA, NaN, null, ... as pandas, R, databases and spreadsheets write it
    text,
  };
  Kind kind = Kind::text;
  double number = 0;
};

/// Reads a field without surrounding blanks. A number is rounded once, to the nearest double. A number that is too
/// small becomes 0 or denormal; a number beyond double is text. One leading + is allowed. Independent of the locale.
/// @param decimal_comma  whether "1,5" is a number and "1.5" is not.
TextValue text_value(std::string_view field, bool decimal_comma);

/// Whether a text is a number beyond double, such as 1e400. @param decimal_comma  as in text_value.
bool is_beyond_double(std::string_view field, bool decimal_comma);

/// The digits of the double that a whole number becomes: "9007199254740992" for "9007199254740993". Empty if the double
/// is exact, and if the field is not a whole number in digits with at most one sign.
std::string rounded_whole(std::string_view field, double number);

/// Whether the field has only digits, as names that are numbers do.
bool is_whole(std::string_view field);

}  // namespace monge::io

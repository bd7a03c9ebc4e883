// What a field of a table of text says.
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

/// Reads a field without blanks around it. Numbers are rounded once, to the nearest double; what is too small becomes 0
/// or denormal, what is beyond double is text. One leading + is allowed. Independent of the locale.
/// @param decimal_comma  whether "1,5" is a number and "1.5" is not.
TextValue text_value(std::string_view field, bool decimal_comma);

/// Whether a text is a number that is beyond double, such as 1e400. @param decimal_comma  as in text_value.
bool is_beyond_double(std::string_view field, bool decimal_comma);

/// What is left of the digits of a whole number when it is a double: "9007199254740992" of "9007199254740993". Empty
/// where it is held exactly, and for what is no whole number in digits with one sign or none.
std::string rounded_whole(std::string_view field, double number);

/// Whether the field is digits alone, as names that are numbers are written.
bool is_whole(std::string_view field);

}  // namespace monge::io

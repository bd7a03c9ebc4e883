// Recognises texts that people read as numbers but this program does not: "$1", "1 001,5", "(1.5)".
#pragma once

#include <string_view>

namespace monge::io {

/// Whether a text consists of digits, points, commas and an exponent that form no number (1.234,5 or 1e400).
bool is_spoilt_number(std::string_view field);

/// Whether a text that text_value cannot read is most likely a number: is_spoilt_number, or a number with one of
///
///     a currency sign, a percent sign, or < > ~ = before it      $1  1 %  <0.1
///     brackets, or a sign that is not ASCII                      (1.5)  U+2212 1.5
///     digits in groups of three, by blanks or '                  1 001,5  1'001.5
///     an exponent after D, or an imaginary part                  1.0D-07  1+2i
///     a unit of up to three letters after a fraction             1.5mm  1,5 kg
///
/// Names, dates, times and ranges are not: cell12, AAAC-1, 2021-01-05, 12:01, 3-7, 10x. Neither are hexadecimal numbers
/// and digits with underscores (0x1F, 12_001), which are names far more often.
/// @param field  UTF-8 or not, without blanks around it.
bool is_number_like(std::string_view field);

/// Whether a text is a number whose thousands are separated by one or more of `mark`: 1,234 or -12,345,678.
bool is_grouped(std::string_view field, char mark);

}  // namespace monge::io

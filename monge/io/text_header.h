// Decides by the rows below it whether the first row of a table of text is a header.
#pragma once

#include <cstdint>
#include <vector>

#include "monge/io/text_rows.h"

namespace monge::io {

using TextRow = std::vector<TextField>;

/// Properties of one field in the rows below the first one.
struct ColumnBelow {
  int64_t numbers = 0, texts = 0, missing = 0;
  int64_t number_like = 0;  ///< texts that are most likely unreadable numbers, see is_number_like
  bool spoilt = false;      ///< some text is_spoilt_number
  bool fractions = true;    ///< all numbers are written with a fraction or an exponent
  bool quotes = false;      ///< some number is in quotes
  bool years = false;       ///< some number is from 1900 to 2100
};

/// Collects the properties of each field.
/// @param width  fields per row; rows with another number of fields are skipped.
std::vector<ColumnBelow> columns_below(const std::vector<TextRow>& rows, size_t width, bool decimal_comma);

struct HeaderVerdict {
  bool header = false;
  bool numeric = false;  ///< the first row holds only numbers, except for a name of the index
  /// The header has numbers, by rules 4 to 6, and could as well be a row: no unnamed field precedes its numbers, and
  /// they are no years, fewer than 4 column numbers and fewer than 5 equal steps.
  bool doubtful = false;
  bool could_be = false;  ///< no header was found, but names of this kind are common
};

/// Decides by the rules of find_layout.
/// @param rows   one or more. @param below  columns_below() of these rows.
/// @param shift  1 if the rows have one field more than the first row, else 0.
HeaderVerdict detect_header(const std::vector<TextRow>& rows, const std::vector<ColumnBelow>& below, size_t shift,
                            bool decimal_comma);

}  // namespace monge::io

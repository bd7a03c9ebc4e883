// Decides whether the commas or points within numbers are decimal marks or separate thousands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monge/io/text_header.h"
#include "monge/io/text_layout.h"

namespace monge::io {

/// Whether numbers are written with decimal commas: some number has a comma and none has a point.
bool finds_decimal_commas(const std::vector<TextRow>& rows);

/// Whether points in numbers could separate thousands. This holds if at least two numbers have points, each of these
/// has the form 1.234 or 12.345.678, and no column with such a number also has a whole number of four digits or more.
/// @param rows  without the header.
bool points_could_group(const std::vector<TextRow>& rows);

/// Searches for a proof that commas are decimal marks in a text where decimal commas were found. Each of these is a
/// proof, and the first one, in any column but the index, ends the search:
///
///     a number with a comma that thousands do not have      0,5  12,75  0,123  1234,567
///     a whole number of four digits or more without comma, in a column that has numbers such as 1,234
///
/// @param columns  the fields that are read.
/// @throws InputError with both readings, naming the first number with a comma in one of these columns, if there is no
///     proof, and if a number has more than one comma, such as 1,234,567.
void require_decimal_commas(std::string_view text, const TextLayout& layout, const std::vector<int64_t>& columns,
                            const std::string& name);

}  // namespace monge::io

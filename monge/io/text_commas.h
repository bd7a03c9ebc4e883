// Whether the commas or points within numbers are decimal marks or separate thousands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monge/io/text_header.h"
#include "monge/io/text_layout.h"

namespace monge::io {

/// Whether numbers are written with decimal commas: some has a comma and none has a point.
bool finds_decimal_commas(const std::vector<TextRow>& rows);

/// Whether points in numbers could separate thousands: two numbers or more have one, each of them is as 1.234
/// or 12.345.678 would be, and no column has beside them a whole number of four digits or more.
/// @param rows  without the header.
bool points_could_group(const std::vector<TextRow>& rows);

/// Looks for a proof that commas are decimal marks where decimal commas were found. All of these prove it, and the
/// first one, in any column but the index, ends the search:
///
///     a number with a comma that thousands do not have      0,5  12,75  0,123  1234,567
///     a whole number of four digits or more without comma, in a column that has numbers such as 1,234
///
/// @param columns  the fields that are read.
/// @throws InputError   with both readings, naming the first number with a comma in one of these columns, where there
/// is no proof, and
///                 where a number has more than one comma as 1,234,567 has.
void require_decimal_commas(std::string_view text, const TextLayout& layout, const std::vector<int64_t>& columns,
                            const std::string& name);

}  // namespace monge::io

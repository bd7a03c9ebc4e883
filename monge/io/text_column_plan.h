// Which fields of a table of text become columns, and the words that choose them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monge/io/text_layout.h"
#include "monge/io/text_table.h"

namespace monge::io {

/// The destination of each field of a row.
struct ColumnPlan {
  static constexpr int64_t kSkip = -1, kIndex = -2, kTrailing = -3;
  std::vector<int64_t> destination;  ///< for each field: its column of the table, or one of the constants above
  std::vector<int64_t> columns;      ///< the chosen fields in their order
  bool in_order = true;              ///< every field is a column, in the order of the file
};

/// The plan for the options. If the layout's index is chosen as a column, layout.index becomes -1.
/// @throws InputError naming the file: no such column, no column beside the index, or options that choose one column as
///     the index and as a column of numbers.
ColumnPlan plan_columns(TextLayout& layout, const TextTableOptions& options, const std::string& name);

/// The fields without text as a choice for ?columns=, by names if these can be written there, else by numbers. Empty if
/// no field has text, none is without text, or the choice would be long or ambiguous.
std::string choice_of_numbers(const TextLayout& layout);

/// The word that chooses a field: its name, or its number if it has none.
std::string field_word(const TextLayout& layout, int64_t field);

}  // namespace monge::io

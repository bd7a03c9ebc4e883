// Reports to the user how a table of text was read: one line of its interpretation, and warnings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monge/io/text_column_plan.h"
#include "monge/io/text_layout.h"
#include "monge/io/text_rows.h"
#include "monge/io/text_table.h"

namespace monge::io {

/// What is known about a table after its last row was read. Refers to the reader's members.
struct TextTableFacts {
  const TextLayout& layout;
  const ColumnPlan& plan;
  const TextTableOptions& options;
  const std::string& name;                    ///< the file, for messages
  const std::vector<double>& values;          ///< [rows, columns]
  const std::vector<std::string>& row_names;  ///< one per row, or empty
  const std::vector<TextComment>& comments;   ///< after the header or the first row
  int64_t rows;                               ///< rows that were kept
  int64_t dropped;                            ///< rows that were left out for missing values
  int64_t skipped_comments;                   ///< lines with # in the whole text
  bool foreign_row_names;                     ///< names of rows were not UTF-8
  bool quoted_row_names;                      ///< some name of a row was in quotes
  bool index_was_guessed;                     ///< see TextLayout::index_by_text
  int64_t rounded;                            ///< whole numbers that float64 does not hold exactly
  const std::string& first_rounded;           ///< the first of these with its line, for a message
};

/// The interpretation in one line, as Table::reading holds it.
std::string describe_reading(const TextTableFacts& facts);

/// A sentence for each part that may have been misread, as Table::warnings holds them.
std::vector<std::string> reading_warnings(const TextTableFacts& facts);

}  // namespace monge::io

#include "monge/io/text_table_report.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_set>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/column_choice.h"
#include "monge/io/text_value.h"

namespace monge::io {
namespace {

/// One line in this many may be a row that was commented out on purpose; more cause a warning.
constexpr int64_t kMostCommented = 10;

/// Whether each row, such as "3,75" below a header of one name, could be a number with a decimal comma.
bool could_be_decimal_commas(const TextTableFacts& facts) {
  const bool r_column = facts.options.separator == "auto" && facts.layout.separator == ',' && facts.layout.width == 2 &&
                        facts.layout.index == 0 && facts.layout.short_header;
  return r_column && !facts.quoted_row_names &&
         std::all_of(facts.values.begin(), facts.values.end(), [](double v) { return v >= 0 && v == std::floor(v); });
}

/// The number of comments that have as many fields as a row and some number after the first field. A comment with a
/// blank after # is a heading of a block and no row.
int64_t comments_like_rows(const TextTableFacts& facts) {
  int64_t out = 0;
  for (const auto& comment : facts.comments) {
    if (comment.text.starts_with(' ') || comment.text.starts_with('\t')) continue;
    TextRows rows(comment.text, facts.layout.separator, facts.name);
    int64_t fields = 0;
    bool numbers = false;
    try {
      if (!rows.next_row()) continue;
      for (TextField field; rows.next(field); ++fields)
        numbers |= fields > 0 && text_value(field.text, facts.layout.decimal_comma).kind == TextValue::Kind::number;
    } catch (const InputError&) {
      continue;  // a quotation mark within a sentence
    }
    out += numbers && fields == facts.layout.width;
  }
  return out;
}

/// Whether the first field is a column and holds 0, 1, 2, ... or 1, 2, 3, ..., as an index does.
bool counts_rows(const TextTableFacts& facts) {
  const auto columns = static_cast<int64_t>(facts.plan.columns.size());
  const int64_t column = facts.plan.destination[0];
  if (column < 0 || columns < 2 || facts.rows < 3) return false;
  const double begin = facts.values[static_cast<size_t>(column)];
  if (begin != 0 && begin != 1) return false;
  for (int64_t i = 0; i < facts.rows; ++i) {
    if (facts.values[static_cast<size_t>(i * columns + column)] != begin + static_cast<double>(i)) return false;
  }
  return true;
}

}  // namespace

std::string describe_reading(const TextTableFacts& facts) {
  const auto& layout = facts.layout;
  std::string out = layout.separator == ';'    ? "semicolons"
                    : layout.separator == '\t' ? "tabs"
                    : layout.separator == ','  ? "commas"
                    : layout.separator == ' '  ? "blanks"
                                               : text("separator ", shown(std::string(1, layout.separator)));
  if (layout.width == 1) out = "one column";
  if (layout.decimal_comma) out += ", decimal comma";
  if (layout.points_could_group) out += ", decimal point (if the points separate thousands: remove them)";
  if (layout.comment_line > 0) {
    out += text(", names in line ", layout.comment_line, " after #");
  } else {
    out += layout.header
               ? text(", header in line ", layout.header_line, layout.numeric_header ? " (numbers as names)" : "")
               : ", no header";
  }
  if (layout.could_be_header) out += " (if the first row holds names: ?header=yes)";
  if (layout.index >= 0) {
    const bool named = !layout.names.empty() && !layout.names[static_cast<size_t>(layout.index)].empty();
    out += named               ? text(", index ", shown(layout.names[static_cast<size_t>(layout.index)]))
           : layout.index == 0 ? std::string(", index: the unnamed first column")
                               : text(", index: column ", layout.index);
  }
  const int64_t fields = layout.width - layout.trailing - (layout.index >= 0);
  if (static_cast<int64_t>(facts.plan.columns.size()) < fields)
    out += text(", ", facts.plan.columns.size(), " of ", fields, " columns chosen");
  if (layout.trailing) out += ", a separator ends each row";
  if (layout.foreign_names || facts.foreign_row_names) out += ", names read as Windows-1252";
  const int64_t comments = facts.skipped_comments - (layout.comment_line > 0);
  if (comments > 0) out += text(", ", comments, comments == 1 ? " line" : " lines", " with # left out");
  if (facts.dropped > 0)
    out += text(", ", facts.dropped, " of ", facts.rows + facts.dropped, " rows left out for missing values");
  if (counts_rows(facts))
    out +=
        text(", column ", column_name(layout, 0), " counts the rows: ?index=", field_word(layout, 0), " leaves it out");
  return out;
}

std::vector<std::string> reading_warnings(const TextTableFacts& facts) {
  const auto& layout = facts.layout;
  std::vector<std::string> out;
  if (layout.doubtful_header) {
    out.push_back(text("line ", layout.header_line,
                       " holds numbers and was read as the column names: ", listed_columns(layout.names),
                       "; if it is a row of numbers, set ?header=no; ?header=yes confirms the names"));
  }
  if (const auto rows = comments_like_rows(facts);
      rows > 1 && kMostCommented * rows > facts.rows + facts.dropped + rows) {
    out.push_back(
        text(rows, " lines that begin with # have as many fields as the ", facts.rows + facts.dropped,
             " rows and were left out as comments; if they are rows, put names such as \"#1\" in double quotes"));
  }
  if (could_be_decimal_commas(facts)) {
    out.push_back(
        "each line was read as a row name and a whole number, as R writes one column; if the commas are decimal "
        "marks, set ?separator=semicolon&decimal=comma; ?separator=comma&decimal=point confirms the reading");
  }
  const std::unordered_set<std::string_view> distinct(facts.row_names.begin(), facts.row_names.end());
  if (facts.index_was_guessed && distinct.size() < facts.row_names.size()) {
    out.push_back(text(
        "column ", column_name(layout, layout.index), " is text and was read as the row names, but its ",
        facts.row_names.size(), " entries have only ", distinct.size(), distinct.size() == 1 ? " value" : " values",
        ": it may be a category, which the map ignores; ?index=", field_word(layout, layout.index), " confirms it"));
  }
  if (facts.rounded > 0) {
    out.push_back(text(facts.rounded, " of its ", facts.values.size(),
                       " values are whole numbers that float64 does not hold exactly, the first ",
                       facts.first_rounded));
  }
  return out;
}

}  // namespace monge::io

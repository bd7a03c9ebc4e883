#include "monge/io/text_layout.h"

#include <algorithm>
#include <unordered_set>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/column_choice.h"
#include "monge/io/text_commas.h"
#include "monge/io/text_encoding.h"
#include "monge/io/text_header.h"
#include "monge/io/text_number_like.h"
#include "monge/io/text_rows.h"
#include "monge/io/text_sample.h"
#include "monge/io/text_value.h"

namespace monge::io {
namespace {

using Kind = TextValue::Kind;

void find_index(const std::string& wanted, const std::vector<ColumnBelow>& below, bool shift, const TextSample& sample,
                const std::string& name, TextLayout& layout) {
  if (wanted == "none") {
    require(!shift, name, ": the header in line ", layout.header_line, " has ", layout.width - 1, " names for rows of ",
            layout.width, " fields, so the first field must be an index; remove index=none, or correct the header");
    return;
  }
  if (!wanted.empty()) {
    layout.index = find_column(wanted, layout.names, layout.width, name);
    return;
  }
  if (layout.width - layout.trailing < 2) return;
  if (shift || (layout.header && (layout.names[0].empty() || layout.names[0] == "Unnamed: 0"))) {
    layout.index = 0;
    return;
  }
  auto first = below[0];
  if (!layout.header) {
    const auto field = sample.rows[0][0].text;
    const bool is_text = text_value(field, layout.decimal_comma).kind == Kind::text;
    ++(is_text ? first.texts : first.numbers);
    first.spoilt |= is_text && is_spoilt_number(field);
    first.number_like += is_text && is_number_like(field);
  }
  bool others = false;
  for (size_t f = 1; f < below.size(); ++f) {
    others |= below[f].numbers > 0 ||
              (!layout.header && text_value(sample.rows[0][f].text, layout.decimal_comma).kind == Kind::number);
  }
  // Unreadable numbers are no names: they remain a column, and reading the rows refuses them by line.
  const bool unreadable = first.spoilt || 2 * first.number_like > first.texts;
  layout.index_by_text = others && first.texts > 0 && first.numbers == 0 && first.missing == 0 && !unreadable;
  if (layout.index_by_text) layout.index = 0;
}

/// Whether a field of a comment can be the name of a column. Sentences, dates and commented-out rows cannot.
bool is_plain_name(const TextField& field, const TextLayout& layout) {
  const auto text = field.text;
  if (text_value(text, layout.decimal_comma).kind != Kind::text) return false;
  if (field.quoted) return true;
  const bool sentence = layout.separator != ' ' && text.find(' ') != std::string_view::npos;
  return !sentence && !(text[0] >= '0' && text[0] <= '9') && text.find(':') == std::string_view::npos &&
         text.back() != ',' && text.back() != ';';
}

/// Takes the names from a single line with # above a table without a header, as numpy.savetxt(header=) writes it.
void find_names_in_comment(const TextSample& sample, size_t width, const std::string& name, TextLayout& layout) {
  if (sample.comments.size() != 1) return;
  auto text = sample.comments[0].text;
  text.remove_prefix(std::min(text.find_first_not_of('#'), text.size()));
  TextRows rows(text, layout.separator, name);
  if (!rows.next_row()) return;
  std::vector<std::string> names;
  std::unordered_set<std::string> seen;
  bool foreign = false;
  try {
    for (TextField field; rows.next(field);) {
      if (!is_plain_name(field, layout) || !seen.insert(std::string(field.text)).second) return;
      names.push_back(utf8_name(field.text));
      foreign |= !is_utf8(field.text);
    }
  } catch (const InputError&) {
    return;  // a quotation mark within a sentence
  }
  if (names.size() != width - layout.trailing) return;
  if (layout.trailing) names.emplace_back();
  layout.names = std::move(names);
  layout.foreign_names = foreign;
  layout.comment_line = sample.comments[0].line;
}

/// Takes the names of the columns from the first row of the sample.
void take_header_names(const TextSample& sample, size_t width, bool shift, const std::string& name, TextLayout& out) {
  const auto& rows = sample.rows;
  out.header_line = sample.first_line;
  require(rows.size() > 1, name, ": has no row of numbers below its header (line ", out.header_line,
          "); write one row of numbers per line, or set ?header=no if these are numbers");
  out.short_header = shift && !out.trailing;
  if (out.short_header) out.names.emplace_back();
  for (const auto& field : rows[0]) {
    out.foreign_names |= !is_utf8(field.text);
    out.names.push_back(utf8_name(field.text));
  }
  if (out.trailing && out.names.size() < width) out.names.emplace_back();
  if (out.names.size() != width) {
    throw InputError({.what = text("the header (line ", out.header_line, ") has ", out.names.size(),
                                   " names and the row below it ", width, " fields"),
                      .where = name,
                      .allowed = "as many names as fields, or one less if each row begins with its name",
                      .fix =
                          "correct the header, or set ?header=no if it is data; with decimal commas, use a separator "
                          "other than the comma"});
  }
}

}  // namespace

std::string column_name(const TextLayout& layout, int64_t field) {
  return layout.names.empty() ? text(field, " (counted from 0)")
                              : text(field, " (", shown(layout.names[static_cast<size_t>(field)]), ")");
}

TextLayout find_layout(std::string_view text, const TextTableOptions& options, const std::string& name) {
  TextLayout out;
  if (text.size() > 5 && text.starts_with("sep=") && (text[5] == '\r' || text[5] == '\n')) {
    out.separator_line = true;
    out.separator = text[4];
  }
  if (options.separator != "auto" || !out.separator_line) {
    const auto begin = out.separator_line ? std::min(text.find('\n'), text.size()) : 0;
    out.separator = find_separator(text.substr(begin), options.separator, name);
  }
  const auto sample = first_rows(text, out.separator, out.separator_line, name);
  require(!sample.rows.empty(), name, ": has no row of numbers; write one row of numbers per line");
  out.row_bytes = static_cast<double>(sample.bytes) / static_cast<double>(sample.rows.size());
  out.decimal_comma = options.decimal == "comma" || (options.decimal == "auto" && finds_decimal_commas(sample.rows));

  const auto& rows = sample.rows;
  const size_t width = rows.size() > 1 ? rows[1].size() : rows[0].size();
  const auto below = columns_below(rows, width, out.decimal_comma);
  const auto ends_empty = [](const TextRow& row) {
    return row.size() > 1 && row.back().text.empty() && !row.back().quoted;
  };
  const bool rows_trail = rows.size() > 1 && std::all_of(rows.begin() + 1, rows.end(), ends_empty);
  const bool fewer = rows.size() > 1 && rows[0].size() + 1 == width;
  const bool shift = fewer && !rows_trail && options.header != "no";

  const auto verdict = detect_header(rows, below, shift ? 1 : 0, out.decimal_comma);
  out.header = options.header == "yes" || (options.header == "auto" && verdict.header);
  out.width = static_cast<int64_t>(width);
  out.trailing = out.separator != ' ' && rows_trail && (ends_empty(rows[0]) || (out.header && fewer));
  for (size_t f = 0; f < width; ++f) out.text_columns.push_back(below[f].texts > 0);
  // Names in a comment are more reliable than numbers as names, except after an unnamed field or in quotes.
  if (options.header == "auto" && rows[0].size() == width && (!verdict.header || verdict.doubtful)) {
    find_names_in_comment(sample, width, name, out);
    if (out.comment_line > 0) out.header = false;
  }
  out.numeric_header = out.header && verdict.numeric;
  out.doubtful_header = out.header && options.header == "auto" && verdict.doubtful;
  out.could_be_header = options.header == "auto" && !out.header && out.comment_line == 0 && verdict.could_be;
  if (options.decimal == "auto" && !out.decimal_comma) {
    out.points_could_group = points_could_group({rows.begin() + (out.header ? 1 : 0), rows.end()});
  }
  if (out.header) {
    take_header_names(sample, width, shift, name, out);
  } else if (rows[0].size() != width) {
    out.width = static_cast<int64_t>(rows[0].size());
    out.text_columns.resize(rows[0].size());
    return out;  // the next row is at fault, which is reported when all rows are read
  }
  find_index(options.index, below, out.header && shift, sample, name, out);
  return out;
}

}  // namespace monge::io

#include "monge/io/text_table.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/mapped_file.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/gzip.h"
#include "monge/io/text_column_plan.h"
#include "monge/io/text_commas.h"
#include "monge/io/text_encoding.h"
#include "monge/io/text_layout.h"
#include "monge/io/text_number_like.h"
#include "monge/io/text_rows.h"
#include "monge/io/text_table_report.h"
#include "monge/io/text_value.h"

namespace monge::io {
namespace {

using Kind = TextValue::Kind;
using Missing = TextTableOptions::Missing;

/// Reads the rows below the header.
class TextTableReader {
 public:
  TextTableReader(std::string_view text, const std::string& name, const TextTableOptions& options)
      : name_(name),
        options_(options),
        missing_(options.missing),
        layout_(find_layout(text, options, name)),
        plan_(plan_columns(layout_, options, name)),
        rows_(text, layout_.separator, name) {
    index_was_guessed_ = layout_.index_by_text && layout_.index >= 0;  // it may have been chosen as a column
    if (options.decimal == "auto" && layout_.decimal_comma) require_decimal_commas(text, layout_, plan_.columns, name);
    if (layout_.separator_line) rows_.skip_line();
    if (layout_.header) {
      rows_.next_row();
      drain();
      rows_.keep_comments(&comments_);
    }
    reserve(text.size());
  }

  Table read() {
    const auto columns = static_cast<int64_t>(plan_.columns.size());
    while (rows_.next_row()) {
      if (!layout_.header && values_.empty()) rows_.keep_comments(&comments_);
      const auto begin = values_.size();
      values_.resize(begin + plan_.columns.size());
      if (read_row(values_.data() + begin)) continue;
      values_.resize(begin);
      if (layout_.index >= 0) row_names_.pop_back();
      ++dropped_;
    }
    const auto count = static_cast<int64_t>(values_.size()) / columns;
    require(count > 0, name_, ": has no row of numbers",
            dropped_ > 0 ? text(" without a missing value among its ", dropped_) : "",
            "; write one row of numbers per line");
    Table out;
    for (const int64_t field : plan_.columns) {
      if (!layout_.names.empty()) out.names.columns.push_back(layout_.names[static_cast<size_t>(field)]);
    }
    if (layout_.index >= 0 && !layout_.names.empty())
      out.names.index = layout_.names[static_cast<size_t>(layout_.index)];
    out.reading = describe_reading(facts(count));
    out.warnings = reading_warnings(facts(count));
    out.names.rows = std::move(row_names_);
    auto* kept = new std::vector<double>(std::move(values_));
    out.values = torch::from_blob(kept->data(), {count, columns}, [kept](void*) { delete kept; }, torch::kFloat64);
    return out;
  }

 private:
  /// Skips the rest of the row.
  void drain() {
    for (TextField field; rows_.next(field);) {
    }
  }

  /// Reserves memory for the values that the first rows let expect, and a tenth more. Unused pages cost nothing.
  void reserve(size_t bytes) {
    const double rows = 1.1 * static_cast<double>(bytes) / std::max(layout_.row_bytes, 2.0);
    values_.reserve(
        std::min(static_cast<size_t>(rows * static_cast<double>(plan_.columns.size())) + 16, bytes / 2 + 16));
  }

  /// Reads the fields of a row. @return whether the row is kept.
  bool read_row(double* row) {
    bool keep = true;
    int64_t field = 0;
    if (plan_.in_order && !layout_.decimal_comma) {
      while (field < layout_.width && rows_.next_number(row[field])) ++field;
    }
    TextField text;
    for (; rows_.next_is_there(); ++field) {
      if (field >= layout_.width) {
        while (rows_.next(text)) ++field;
        break;
      }
      const int64_t column = plan_.destination[static_cast<size_t>(field)];
      if (column >= 0 && !layout_.decimal_comma && rows_.next_number(row[column])) continue;
      rows_.next(text);
      if (column >= 0) {
        keep &= take(text, field, row[column]);
      } else if (column == ColumnPlan::kIndex) {
        foreign_ |= !is_utf8(text.text);
        quoted_row_names_ |= text.quoted;
        row_names_.push_back(utf8_name(text.text));
      } else if (column == ColumnPlan::kTrailing && !text.text.empty()) {
        throw InputError(text_after_the_last(field, text.text));
      }
    }
    if (field != layout_.width) refuse_width(field);
    return keep;
  }

  /// Stores the value of a field. @return whether its row is kept.
  bool take(const TextField& field, int64_t number, double& out) {
    const auto value = text_value(field.text, layout_.decimal_comma);
    out = value.number;
    if (value.kind == Kind::number && std::abs(out) >= kFirstInexact) note_rounding(field.text, number, out);
    if (value.kind == Kind::number) return true;
    if (value.kind == Kind::text) refuse_text(field.text, number);
    if (missing_ == Missing::refuse) {
      throw InputError(
          {.what = text("line ", rows_.line(), ", column ", column_name(layout_, number), ": a value is missing"),
           .where = name_,
           .value = shown(field.text),
           .allowed = "numbers",
           .fix = "fill it, drop such rows with ?missing=drop, or leave the column out with ?columns="});
    }
    return missing_ == Missing::keep;
  }

  void note_rounding(std::string_view field, int64_t number, double value) {
    const auto rounded = rounded_whole(field, value);
    if (rounded.empty() || rounded_++ > 0) return;
    first_rounded_ =
        text("in line ", rows_.line(), ", column ", column_name(layout_, number), ": ", field, " becomes ", rounded);
  }

  [[noreturn]] void refuse_text(std::string_view field, int64_t number) const {
    Complaint out{.what = text("line ", rows_.line(), ", column ", column_name(layout_, number), " is not a number"),
                  .where = name_,
                  .value = shown(field),
                  .allowed = "numbers such as -1.5e-3, true, false"};
    const auto choice = choice_of_numbers(layout_);
    if (is_beyond_double(field, layout_.decimal_comma)) {
      out.what = text("line ", rows_.line(), ", column ", column_name(layout_, number), " is too large for a double");
      out.allowed = "magnitudes up to 1.8e308";
      out.fix = "correct the line, or leave the column out with ?columns=";
    } else if (is_grouped(field, ',') && std::count(field.begin(), field.end(), ',') > 1) {
      out.fix = "write thousands without commas";
    } else if (text_value(field, true).kind == Kind::number && !layout_.decimal_comma) {
      out.fix = "commas are not part of a number here: write thousands without them, or set ?decimal=comma";
    } else if (text_value(field, false).kind == Kind::number) {
      out.fix =
          "the commas in this file were read as decimal marks; set ?decimal=point, and write thousands without "
          "commas";
    } else if (layout_.text_columns[static_cast<size_t>(number)]) {
      out.fix = (choice.empty() ? std::string("choose the columns of numbers with ?columns=")
                                : "choose the columns of numbers: ?columns=" + choice) +
                (layout_.index < 0 ? text(", or use it as the row names: ?index=", field_word(layout_, number)) : "");
    } else if (layout_.header || rows_.line() > 1) {
      out.fix = "correct the line, or leave the column out with ?columns=";
    } else {
      out.fix = "correct the line; if it holds names, set ?header=yes";
    }
    throw InputError(out);
  }

  std::string text_after_the_last(int64_t field, std::string_view found) const {
    return text(name_, " line ", rows_.line(), ": field ", field, " (counted from 0) holds ", shown(found),
                ", but in the first rows nothing follows the last separator; correct the line, or choose columns with "
                "?columns=");
  }

  [[noreturn]] void refuse_width(int64_t fields) const {
    const auto most = layout_.header ? text("the header (line ", layout_.header_line, ") requires ", layout_.width)
                                     : text("the first row has ", layout_.width);
    throw InputError(text(name_, " line ", rows_.line(), ": has ", fields, fields == 1 ? " field, " : " fields, ", most,
                          "; every row must have the same number"));
  }

  TextTableFacts facts(int64_t count) const {
    return {.layout = layout_,
            .plan = plan_,
            .options = options_,
            .name = name_,
            .values = values_,
            .row_names = row_names_,
            .comments = comments_,
            .rows = count,
            .dropped = dropped_,
            .skipped_comments = rows_.comments(),
            .foreign_row_names = foreign_,
            .quoted_row_names = quoted_row_names_,
            .index_was_guessed = index_was_guessed_,
            .rounded = rounded_,
            .first_rounded = first_rounded_};
  }

  const std::string& name_;
  const TextTableOptions& options_;
  Missing missing_;
  TextLayout layout_;
  ColumnPlan plan_;
  TextRows rows_;
  std::vector<double> values_;
  std::vector<std::string> row_names_;
  std::vector<TextComment> comments_;  ///< after the header or the first row
  bool foreign_ = false;               ///< names of rows were not UTF-8
  bool quoted_row_names_ = false;      ///< some name of a row was in quotes
  bool index_was_guessed_ = false;     ///< see TextLayout::index_by_text
  int64_t rounded_ = 0;                ///< whole numbers that float64 does not hold exactly
  std::string first_rounded_;
  int64_t dropped_ = 0;
};

void check_words(const TextTableOptions& options, const std::string& name) {
  const auto check = [&](const char* key, const std::string& value, const std::vector<std::string>& allowed) {
    if (std::count(allowed.begin(), allowed.end(), value) > 0) return;
    throw InputError({.what = text("the parameter ", key, " cannot be used"),
                      .where = name,
                      .value = shown(value),
                      .allowed = join(allowed)});
  };
  check("header", options.header, {"auto", "yes", "no"});
  check("separator", options.separator, {"auto", "comma", "semicolon", "tab", "bar", "blank"});
  check("decimal", options.decimal, {"auto", "point", "comma"});
}

}  // namespace

Table parse_text_table(std::string_view bytes, const std::string& name, const TextTableOptions& options) {
  check_words(options, name);
  std::string buffer, encoding;
  refuse_other_formats(bytes, name);
  const auto text = utf8_text(bytes, name, buffer, encoding);
  auto out = TextTableReader(text, name, options).read();
  if (!encoding.empty()) out.reading = encoding + ", " + out.reading;
  return out;
}

Table read_text_table(const std::filesystem::path& path, const TextTableOptions& options) {
  if (lower_extension(path) == ".gz") return parse_text_table(read_gzip(path), path.string(), options);
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    return parse_text_table(real_files().read(path), path.string(), options);
  // The file is mapped, so that the text of a large table need not be in memory beside its values.
  const MappedFile file(path, MappedFile::Access::sequential);
  return file.used_by([&](std::string_view bytes) { return parse_text_table(bytes, path.string(), options); });
}

}  // namespace monge::io

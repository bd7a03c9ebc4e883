#include "monge/io/text_table.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <unordered_set>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/mapped_file.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/column_choice.h"
#include "monge/io/gzip.h"
#include "monge/io/text_commas.h"
#include "monge/io/text_encoding.h"
#include "monge/io/text_layout.h"
#include "monge/io/text_number_like.h"
#include "monge/io/text_rows.h"
#include "monge/io/text_value.h"

namespace monge::io {
namespace {

using Kind = TextValue::Kind;
using Missing = TextTableOptions::Missing;

/// The fields that are columns of numbers, as a choice: names where they can stand in one, else numbers. "" where all
/// are, or none.
std::string choice_of_numbers(const TextLayout& layout) {
  constexpr size_t kMost = 8;
  std::vector<std::string> parts;
  bool names = !layout.names.empty(), left_out = false;
  std::vector<std::pair<int64_t, int64_t>> runs;
  for (int64_t f = 0; f < layout.width - layout.trailing; ++f) {
    if (f == layout.index) continue;
    if (layout.text_columns[static_cast<size_t>(f)]) {
      left_out = true;
    } else if (!runs.empty() && runs.back().second == f - 1) {
      runs.back().second = f;
    } else {
      runs.emplace_back(f, f);
    }
  }
  if (!left_out || runs.empty() || runs.size() > kMost) return {};
  for (const auto& [first, last] : runs) {
    for (const int64_t f : {first, last}) {
      const auto& name = names ? layout.names[static_cast<size_t>(f)] : std::string();
      names &= !name.empty() && name.find_first_of(",\"-&?= ") == std::string::npos &&
               std::count(layout.names.begin(), layout.names.end(), name) == 1;
    }
  }
  const auto word = [&](int64_t f) { return names ? layout.names[static_cast<size_t>(f)] : std::to_string(f); };
  for (const auto& [first, last] : runs) parts.push_back(first == last ? word(first) : word(first) + '-' + word(last));
  const bool by_number =
      !names && !layout.names.empty() &&
      std::any_of(layout.names.begin(), layout.names.end(), [](const auto& n) { return is_whole(n); });
  return by_number ? std::string() : join(parts, ",");
}

/// Which field goes where.
struct Plan {
  static constexpr int64_t kSkip = -1, kIndex = -2, kTrailing = -3;
  std::vector<int64_t> place;    ///< of each field: its column of the table, or one of the above
  std::vector<int64_t> columns;  ///< the fields that are chosen, in their order
  bool in_order = true;          ///< every field is a column, in the order of the file
};

Plan plan_of(TextLayout& layout, const TextTableOptions& options, const std::string& name) {
  Plan out;
  const int64_t fields = layout.width - layout.trailing;
  if (options.columns.empty()) {
    for (int64_t f = 0; f < fields; ++f) {
      if (f != layout.index) out.columns.push_back(f);
    }
  } else {
    auto names = layout.names;
    if (!names.empty()) names.resize(static_cast<size_t>(fields));
    out.columns = choose_columns(options.columns, names, fields, name);
    if (std::count(out.columns.begin(), out.columns.end(), layout.index) > 0) {
      if (!options.index.empty()) {
        throw InputError(text(name, ": column ", column_name(layout, layout.index),
                              " is chosen as the index and as a column of numbers"));
      }
      layout.index = -1;
    }
  }
  if (out.columns.empty())
    throw InputError(text(name, ": has no column beside its index, column ", column_name(layout, layout.index)));
  out.place.assign(static_cast<size_t>(layout.width), Plan::kSkip);
  for (size_t i = 0; i < out.columns.size(); ++i) {
    out.place[static_cast<size_t>(out.columns[i])] = static_cast<int64_t>(i);
    out.in_order &= out.columns[i] == static_cast<int64_t>(i);
  }
  out.in_order &= static_cast<int64_t>(out.columns.size()) == layout.width;
  if (layout.index >= 0) out.place[static_cast<size_t>(layout.index)] = Plan::kIndex;
  if (layout.trailing) out.place.back() = Plan::kTrailing;
  return out;
}

/// Reads the rows below the header.
class Reader {
 public:
  Reader(std::string_view text, const std::string& name, const TextTableOptions& options)
      : name_(name),
        options_(options),
        missing_(options.missing),
        layout_(find_layout(text, options, name)),
        plan_(plan_of(layout_, options, name)),
        rows_(text, layout_.separator, name) {
    index_was_guessed_ = layout_.index_by_text && layout_.index >= 0;  // it may have been chosen as a column
    if (options.decimal == "auto" && layout_.decimal_comma) require_decimal_commas(text, layout_, plan_.columns, name);
    if (layout_.separator_line) rows_.skip_line();
    if (layout_.header) rows_.next_row();
    if (layout_.header) drain();
    if (layout_.header) rows_.keep_comments(&comments_);
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
            dropped_ > 0 ? text(" without a missing value, of ", dropped_) : "", "; give one row of numbers a line");
    Table out;
    for (const int64_t field : plan_.columns) {
      if (!layout_.names.empty()) out.names.columns.push_back(layout_.names[static_cast<size_t>(field)]);
    }
    if (layout_.index >= 0 && !layout_.names.empty())
      out.names.index = layout_.names[static_cast<size_t>(layout_.index)];
    out.reading = reading(count);
    out.warnings = warnings(count);
    out.names.rows = std::move(row_names_);
    auto* kept = new std::vector<double>(std::move(values_));
    out.values = torch::from_blob(kept->data(), {count, columns}, [kept](void*) { delete kept; }, torch::kFloat64);
    return out;
  }

 private:
  void drain() {
    for (TextField field; rows_.next(field);) {
    }
  }

  /// So many values as the first rows let expect, and a tenth more. Pages that are not used cost nothing.
  void reserve(size_t bytes) {
    const double rows = 1.1 * static_cast<double>(bytes) / std::max(layout_.row_bytes, 2.0);
    values_.reserve(
        std::min(static_cast<size_t>(rows * static_cast<double>(plan_.columns.size())) + 16, bytes / 2 + 16));
  }

  /// @return whether the row is kept.
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
      const int64_t place = plan_.place[static_cast<size_t>(field)];
      if (place >= 0 && !layout_.decimal_comma && rows_.next_number(row[place])) continue;
      rows_.next(text);
      if (place >= 0) {
        keep &= take(text, field, row[place]);
      } else if (place == Plan::kIndex) {
        foreign_ |= !is_utf8(text.text);
        quoted_row_names_ |= text.quoted;
        row_names_.push_back(utf8_name(text.text));
      } else if (place == Plan::kTrailing && !text.text.empty()) {
        throw InputError(text_after_the_last(field, text.text));
      }
    }
    if (field != layout_.width) refuse_width(field);
    return keep;
  }

  /// The value of a field. @return whether its row is kept.
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
           .fix = "fill it, or leave such rows out by ?missing=drop, or the column by ?columns="});
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
    Complaint out{.what = text("line ", rows_.line(), ", column ", column_name(layout_, number), " is no number"),
                  .where = name_,
                  .value = shown(field),
                  .allowed = "numbers such as -1.5e-3, true, false"};
    const auto choice = choice_of_numbers(layout_);
    if (is_beyond_double(field, layout_.decimal_comma)) {
      out.what = text("line ", rows_.line(), ", column ", column_name(layout_, number), " is too large for a double");
      out.allowed = "magnitudes up to 1.8e308";
      out.fix = "mend the line, or leave the column out by ?columns=";
    } else if (is_grouped(field, ',') && std::count(field.begin(), field.end(), ',') > 1) {
      out.fix = "write thousands without commas";
    } else if (text_value(field, true).kind == Kind::number && !layout_.decimal_comma) {
      out.fix = "commas are no part of a number here: write thousands without them, or say ?decimal=comma";
    } else if (text_value(field, false).kind == Kind::number) {
      out.fix =
          "the commas in this file were taken for decimal marks; say ?decimal=point, and write thousands without "
          "commas";
    } else if (layout_.text_columns[static_cast<size_t>(number)]) {
      out.fix = (choice.empty() ? std::string("choose the columns of numbers by ?columns=")
                                : "choose the columns of numbers: ?columns=" + choice) +
                (layout_.index < 0 ? text(", or make it the names of the rows: ?index=", index_word(number)) : "");
    } else if (layout_.header || rows_.line() > 1) {
      out.fix = "mend the line, or leave the column out by ?columns=";
    } else {
      out.fix = "mend the line; if it holds names, say ?header=yes";
    }
    throw InputError(out);
  }

  std::string index_word(int64_t field) const {
    const bool plain = !layout_.names.empty() && !layout_.names[static_cast<size_t>(field)].empty();
    return plain ? layout_.names[static_cast<size_t>(field)] : std::to_string(field);
  }

  std::string text_after_the_last(int64_t field, std::string_view found) const {
    return text(
        name_, " line ", rows_.line(), ": field ", field, " (counted from 0) holds ", shown(found),
        ", and in the first rows nothing follows the last separator; mend the line, or name the columns by ?columns=");
  }

  [[noreturn]] void refuse_width(int64_t fields) const {
    const auto most = layout_.header ? text("the header (line ", layout_.header_line, ") makes it ", layout_.width)
                                     : text("the first row has ", layout_.width);
    throw InputError(text(name_, " line ", rows_.line(), ": has ", fields, fields == 1 ? " field, " : " fields, ", most,
                          "; every row must have as many"));
  }

  std::string reading(int64_t count) const {
    std::string out = layout_.separator == ';'    ? "semicolons"
                      : layout_.separator == '\t' ? "tabs"
                      : layout_.separator == ','  ? "commas"
                      : layout_.separator == ' '  ? "blanks"
                                                  : text("separator ", shown(std::string(1, layout_.separator)));
    if (layout_.width == 1) out = "one column";
    if (layout_.decimal_comma) out += ", decimal comma";
    if (layout_.points_could_group) out += ", decimal point (if the points separate thousands: write them without)";
    if (layout_.comment_line > 0) {
      out += text(", names in line ", layout_.comment_line, " after #");
    } else {
      out += layout_.header
                 ? text(", header in line ", layout_.header_line, layout_.numeric_header ? " (numbers as names)" : "")
                 : ", no header";
    }
    if (layout_.could_be_header) out += " (if the first row holds names: ?header=yes)";
    if (layout_.index >= 0) {
      const bool named = !layout_.names.empty() && !layout_.names[static_cast<size_t>(layout_.index)].empty();
      out += named                ? text(", index ", shown(layout_.names[static_cast<size_t>(layout_.index)]))
             : layout_.index == 0 ? std::string(", index: the unnamed first column")
                                  : text(", index: column ", layout_.index);
    }
    const int64_t fields = layout_.width - layout_.trailing - (layout_.index >= 0);
    if (static_cast<int64_t>(plan_.columns.size()) < fields)
      out += text(", ", plan_.columns.size(), " of ", fields, " columns chosen");
    if (layout_.trailing) out += ", a separator ends each row";
    if (layout_.foreign_names || foreign_) out += ", names read as Windows-1252";
    const int64_t comments = rows_.comments() - (layout_.comment_line > 0);
    if (comments > 0) out += text(", ", comments, comments == 1 ? " line" : " lines", " with # left out");
    if (dropped_ > 0) out += text(", ", dropped_, " of ", count + dropped_, " rows left out for missing values");
    if (counts_rows(count))
      out += text(", column ", column_name(layout_, 0), " counts the rows: ?index=", index_word(0), " leaves it out");
    return out;
  }

  std::vector<std::string> warnings(int64_t count) const {
    std::vector<std::string> out;
    if (layout_.doubtful_header) {
      out.push_back(text("line ", layout_.header_line,
                         " holds numbers and was taken for the names of the columns: ", listed_columns(layout_.names),
                         "; if it is a row of numbers, say ?header=no; ?header=yes confirms the names"));
    }
    if (const auto rows = comments_like_rows(); rows > 1 && kMostCommented * rows > count + dropped_ + rows) {
      out.push_back(
          text(rows, " lines that begin with # have as many fields as the ", count + dropped_,
               " rows and were left out as comments; if they are rows, put names such as \"#1\" in double quotes"));
    }
    if (could_be_decimal_commas()) {
      out.push_back(
          "each line was taken for the name of a row and a whole number, as R writes one column; if the commas are "
          "decimal marks, "
          "say ?separator=semicolon&decimal=comma; ?separator=comma&decimal=point confirms it");
    }
    const std::unordered_set<std::string_view> distinct(row_names_.begin(), row_names_.end());
    if (index_was_guessed_ && distinct.size() < row_names_.size()) {
      out.push_back(text(
          "column ", column_name(layout_, layout_.index), " is text and was taken for the names of the rows, but its ",
          row_names_.size(), " entries have only ", distinct.size(), distinct.size() == 1 ? " value" : " values",
          ": it may be a category, which the map does not see; ?index=", index_word(layout_.index), " confirms it"));
    }
    if (rounded_ > 0) {
      out.push_back(text(rounded_, " of its ", values_.size(),
                         " values are whole numbers that float64 does not hold exactly, the first ", first_rounded_));
    }
    return out;
  }

  /// Whether each row, as "3,75" below a header of one name, could be a number with a decimal comma.
  bool could_be_decimal_commas() const {
    const bool r_column = options_.separator == "auto" && layout_.separator == ',' && layout_.width == 2 &&
                          layout_.index == 0 && layout_.short_header;
    return r_column && !quoted_row_names_ &&
           std::all_of(values_.begin(), values_.end(), [](double v) { return v >= 0 && v == std::floor(v); });
  }

  /// How many comments have as many fields as a row, and behind the first one some number. After a # and a blank there
  /// are no names of rows but headings of blocks.
  int64_t comments_like_rows() const {
    int64_t out = 0;
    for (const auto& comment : comments_) {
      if (comment.text.starts_with(' ') || comment.text.starts_with('\t')) continue;
      TextRows rows(comment.text, layout_.separator, name_);
      int64_t fields = 0;
      bool numbers = false;
      try {
        if (!rows.next_row()) continue;
        for (TextField field; rows.next(field); ++fields)
          numbers |= fields > 0 && text_value(field.text, layout_.decimal_comma).kind == Kind::number;
      } catch (const InputError&) {
        continue;  // a quote in a sentence
      }
      out += numbers && fields == layout_.width;
    }
    return out;
  }

  /// Whether the first field is a column and holds 0, 1, 2, ... or 1, 2, 3, ..., as an index does.
  bool counts_rows(int64_t count) const {
    const auto columns = static_cast<int64_t>(plan_.columns.size());
    const int64_t place = plan_.place[0];
    if (place < 0 || columns < 2 || count < 3) return false;
    const double begin = values_[static_cast<size_t>(place)];
    if (begin != 0 && begin != 1) return false;
    for (int64_t i = 0; i < count; ++i) {
      if (values_[static_cast<size_t>(i * columns + place)] != begin + static_cast<double>(i)) return false;
    }
    return true;
  }

  static constexpr int64_t kMostCommented =
      10;  ///< one line in so many may be a row that is commented out, without a warning

  const std::string& name_;
  const TextTableOptions& options_;
  Missing missing_;
  TextLayout layout_;
  Plan plan_;
  TextRows rows_;
  std::vector<double> values_;
  std::vector<std::string> row_names_;
  std::vector<TextComment> comments_;  ///< after the header or the first row
  bool foreign_ = false;               ///< names of rows were not UTF-8
  bool quoted_row_names_ = false;      ///< some name of a row stood in quotes
  bool index_was_guessed_ = false;     ///< see TextLayout::index_by_text
  int64_t rounded_ = 0;                ///< whole numbers that are not held exactly
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
  auto out = Reader(text, name, options).read();
  if (!encoding.empty()) out.reading = encoding + ", " + out.reading;
  return out;
}

Table read_text_table(const std::filesystem::path& path, const TextTableOptions& options) {
  if (lower_extension(path) == ".gz") return parse_text_table(read_gzip(path), path.string(), options);
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    return parse_text_table(real_files().read(path), path.string(), options);
  // Mapped, so that the text of a large table need not be held beside its values.
  const MappedFile file(path, MappedFile::Access::sequential);
  return parse_text_table(file.bytes(), path.string(), options);
}

}  // namespace monge::io

#include "monge/io/text_table.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/mapped_file.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/column_choice.h"
#include "monge/io/gzip.h"
#include "monge/io/text_encoding.h"
#include "monge/io/text_layout.h"
#include "monge/io/text_rows.h"
#include "monge/io/text_value.h"

namespace monge::io {
namespace {

using Kind = TextValue::Kind;
using Missing = TextTableOptions::Missing;

/// "3 ("y")", or "3 (counted from 0)" where columns have no names.
std::string column_name(const TextLayout& layout, int64_t field) {
  return layout.names.empty() ? text(field, " (counted from 0)") : text(field, " (", shown(layout.names[static_cast<size_t>(field)]), ")");
}

/// The fields that are columns of numbers, as a choice: names where they can stand in one, else numbers. "" where all are, or none.
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
      names &= !name.empty() && name.find_first_of(",\"-&?= ") == std::string::npos && std::count(layout.names.begin(), layout.names.end(), name) == 1;
    }
  }
  const auto word = [&](int64_t f) { return names ? layout.names[static_cast<size_t>(f)] : std::to_string(f); };
  for (const auto& [first, last] : runs) parts.push_back(first == last ? word(first) : word(first) + '-' + word(last));
  const bool by_number = !names && !layout.names.empty() && std::any_of(layout.names.begin(), layout.names.end(), [](const auto& n) { return is_whole(n); });
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
        throw Error(text(name, ": column ", column_name(layout, layout.index), " is chosen as the index and as a column of numbers"));
      }
      layout.index = -1;
    }
  }
  if (out.columns.empty()) throw Error(text(name, ": has no column beside its index, column ", column_name(layout, layout.index)));
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
      : name_(name), missing_(options.missing), layout_(find_layout(text, options, name)), plan_(plan_of(layout_, options, name)),
        rows_(text, layout_.separator, name) {
    if (layout_.separator_line) rows_.skip_line();
    if (layout_.header) rows_.next_row();
    if (layout_.header) drain();
    reserve(text.size());
  }

  Table read() {
    const auto columns = static_cast<int64_t>(plan_.columns.size());
    while (rows_.next_row()) {
      const auto begin = values_.size();
      values_.resize(begin + plan_.columns.size());
      if (read_row(values_.data() + begin)) continue;
      values_.resize(begin);
      if (layout_.index >= 0) row_names_.pop_back();
      ++dropped_;
    }
    const auto count = static_cast<int64_t>(values_.size()) / columns;
    require(count > 0, name_, ": has no row of numbers", dropped_ > 0 ? text(" without a missing value, of ", dropped_) : "",
            "; give one row of numbers a line");
    Table out;
    for (const int64_t field : plan_.columns) {
      if (!layout_.names.empty()) out.names.columns.push_back(layout_.names[static_cast<size_t>(field)]);
    }
    if (layout_.index >= 0 && !layout_.names.empty()) out.names.index = layout_.names[static_cast<size_t>(layout_.index)];
    out.names.rows = std::move(row_names_);
    out.reading = reading(count);
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
    values_.reserve(std::min(static_cast<size_t>(rows * static_cast<double>(plan_.columns.size())) + 16, bytes / 2 + 16));
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
        row_names_.push_back(utf8_name(text.text));
      } else if (place == Plan::kTrailing && !text.text.empty()) {
        throw Error(text_after_the_last(field, text.text));
      }
    }
    if (field != layout_.width) refuse_width(field);
    return keep;
  }

  /// The value of a field. @return whether its row is kept.
  bool take(const TextField& field, int64_t number, double& out) {
    const auto value = text_value(field.text, layout_.decimal_comma);
    out = value.number;
    if (value.kind == Kind::number) return true;
    if (value.kind == Kind::text) refuse_text(field.text, number);
    if (missing_ == Missing::refuse) {
      throw Error(Complaint{.what = text("line ", rows_.line(), ", column ", column_name(layout_, number), ": a value is missing"),
                            .where = name_,
                            .value = shown(field.text),
                            .allowed = "numbers",
                            .fix = "fill it, or leave such rows out by ?missing=drop, or the column by ?columns="});
    }
    return missing_ == Missing::keep;
  }

  [[noreturn]] void refuse_text(std::string_view field, int64_t number) const {
    Complaint out{.what = text("line ", rows_.line(), ", column ", column_name(layout_, number), " is no number"), .where = name_,
                  .value = shown(field), .allowed = "numbers such as -1.5e-3, true, false"};
    const auto choice = choice_of_numbers(layout_);
    if (text_value(field, true).kind == Kind::number && !layout_.decimal_comma) {
      out.fix = "commas are no part of a number here: write thousands without them, or say ?decimal=comma";
    } else if (text_value(field, false).kind == Kind::number) {
      out.fix = "the commas in this file were taken for decimal marks; say ?decimal=point, and write thousands without commas";
    } else if (layout_.text_columns[static_cast<size_t>(number)]) {
      out.fix = (choice.empty() ? std::string("choose the columns of numbers by ?columns=") : "choose the columns of numbers: ?columns=" + choice) +
                (layout_.index < 0 ? text(", or make it the names of the rows: ?index=", index_word(number)) : "");
    } else if (layout_.header || rows_.line() > 1) {
      out.fix = "mend the line, or leave the column out by ?columns=";
    } else {
      out.fix = "mend the line; if it holds names, say ?header=yes";
    }
    throw Error(out);
  }

  std::string index_word(int64_t field) const {
    const bool plain = !layout_.names.empty() && !layout_.names[static_cast<size_t>(field)].empty();
    return plain ? layout_.names[static_cast<size_t>(field)] : std::to_string(field);
  }

  std::string text_after_the_last(int64_t field, std::string_view found) const {
    return text(name_, " line ", rows_.line(), ": field ", field, " (counted from 0) holds ", shown(found),
                ", and in the first rows nothing follows the last separator; mend the line, or name the columns by ?columns=");
  }

  [[noreturn]] void refuse_width(int64_t fields) const {
    const auto most = layout_.header ? text("the header (line ", layout_.header_line, ") makes it ", layout_.width)
                                     : text("the first row has ", layout_.width);
    throw Error(text(name_, " line ", rows_.line(), ": has ", fields, fields == 1 ? " field, " : " fields, ", most,
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
    out += layout_.header ? text(", header in line ", layout_.header_line, layout_.numeric_header ? " (numbers as names)" : "") : ", no header";
    if (layout_.could_be_header) out += " (if the first row holds names: ?header=yes)";
    if (layout_.index >= 0) {
      const bool named = !layout_.names.empty() && !layout_.names[static_cast<size_t>(layout_.index)].empty();
      out += named ? text(", index ", shown(layout_.names[static_cast<size_t>(layout_.index)]))
                   : layout_.index == 0 ? std::string(", index: the unnamed first column") : text(", index: column ", layout_.index);
    }
    const int64_t fields = layout_.width - layout_.trailing - (layout_.index >= 0);
    if (static_cast<int64_t>(plan_.columns.size()) < fields) out += text(", ", plan_.columns.size(), " of ", fields, " columns chosen");
    if (layout_.trailing) out += ", a separator ends each row";
    if (layout_.foreign_names || foreign_) out += ", names read as Windows-1252";
    if (rows_.comments() > 0) out += text(", ", rows_.comments(), rows_.comments() == 1 ? " line" : " lines", " with # left out");
    if (dropped_ > 0) out += text(", ", dropped_, " of ", count + dropped_, " rows left out for missing values");
    if (counts_rows(count)) out += text(", column ", column_name(layout_, 0), " counts the rows: ?index=", index_word(0), " leaves it out");
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

  const std::string& name_;
  Missing missing_;
  TextLayout layout_;
  Plan plan_;
  TextRows rows_;
  std::vector<double> values_;
  std::vector<std::string> row_names_;
  bool foreign_ = false;  ///< names of rows were not UTF-8
  int64_t dropped_ = 0;
};

void check_words(const TextTableOptions& options, const std::string& name) {
  const auto check = [&](const char* key, const std::string& value, const std::vector<std::string>& allowed) {
    if (std::count(allowed.begin(), allowed.end(), value) > 0) return;
    throw Error(Complaint{.what = text("the parameter ", key, " cannot be used"), .where = name, .value = shown(value), .allowed = join(allowed)});
  };
  check("header", options.header, {"auto", "yes", "no"});
  check("separator", options.separator, {"auto", "comma", "semicolon", "tab", "bar", "blank"});
  check("decimal", options.decimal, {"auto", "point", "comma"});
}

}  // namespace

Table parse_text_table(std::string_view bytes, const std::string& name, const TextTableOptions& options) {
  check_words(options, name);
  std::string buffer, encoding;
  const auto text = utf8_text(bytes, name, buffer, encoding);
  auto out = Reader(text, name, options).read();
  if (!encoding.empty()) out.reading = encoding + ", " + out.reading;
  return out;
}

Table read_text_table(const std::filesystem::path& path, const TextTableOptions& options) {
  if (lower_extension(path) == ".gz") return parse_text_table(read_gzip(path), path.string(), options);
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return parse_text_table(real_files().read(path), path.string(), options);
  // Mapped, so that the text of a large table need not be held beside its values.
  const MappedFile file(path, MappedFile::Access::sequential);
  return parse_text_table(file.bytes(), path.string(), options);
}

}  // namespace monge::io

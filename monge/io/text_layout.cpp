#include "monge/io/text_layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <optional>
#include <unordered_set>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/column_choice.h"
#include "monge/io/text_encoding.h"
#include "monge/io/text_rows.h"
#include "monge/io/text_value.h"

namespace monge::io {
namespace {

using Kind = TextValue::Kind;
using Fields = std::vector<TextField>;

constexpr size_t kRows = 101, kFields = 300'000;  // rows of which there are so many fields are enough to look at

struct Separator {
  const char* word;
  char letter;
};
constexpr std::array<Separator, 5> kSeparators = {{{"semicolon", ';'}, {"tab", '\t'}, {"comma", ','}, {"bar", '|'}, {"blank", ' '}}};

/// The first rows, with what their fields are views of.
struct Sample {
  std::vector<Fields> rows;
  int64_t first_line = 0;
  size_t bytes = 0;  ///< of the text up to their end
  std::deque<std::string> unescaped;
};

Sample first_rows(std::string_view text, const TextLayout& layout, const std::string& name) {
  Sample out;
  TextRows rows(text, layout.separator, name);
  if (layout.separator_line) rows.skip_line();
  size_t count = 0;
  while ((out.rows.size() < 3 || count < kFields) && out.rows.size() < kRows && rows.next_row()) {
    if (out.rows.empty()) out.first_line = rows.line();
    auto& fields = out.rows.emplace_back();
    for (TextField field; rows.next(field); ++count) {
      const bool inside = field.text.data() >= text.data() && field.text.data() <= text.data() + text.size();
      if (!inside) field.text = out.unescaped.emplace_back(field.text);
      fields.push_back(field);
    }
    out.bytes = static_cast<size_t>(rows.position() - text.data());
  }
  return out;
}

/// How many fields the first rows have by this separator.
std::vector<size_t> field_counts(std::string_view text, char separator, const std::string& name) {
  constexpr size_t kSeen = 20, kBytes = 1 << 20;
  std::vector<size_t> out;
  try {
    TextRows rows(text, separator, name);
    const char* begin = text.data();
    while (out.size() < kSeen && rows.next_row()) {
      size_t count = 0;
      TextField field;
      for (; rows.next(field); ++count) {
      }
      out.push_back(count);
      if (out.size() > 2 && rows.position() > begin + kBytes) break;
    }
  } catch (const Error&) {
    return {};  // by this separator quotes do not match
  }
  return out;
}

/// Whether all rows have the same number of fields; the first may have one less. None of it may be the separator's absence:
/// letters like ; and | stand in names, too, below a header that has none of them.
bool is_even(const std::vector<size_t>& counts, char separator) {
  if (counts.empty() || (counts[0] < 2 && separator != ' ' && separator != '\t')) return false;
  const size_t width = counts.back();
  if (width < 2 || counts[0] > width || counts[0] + 1 < width) return false;
  return std::all_of(counts.begin() + 1, counts.end(), [&](size_t count) { return count == width; });
}

bool has(std::string_view field, char letter) { return field.find(letter) != std::string_view::npos; }

/// Whether the rows below the first are single numbers with decimal commas, which would be two fields between commas.
bool is_one_column(std::string_view text, const std::string& name) {
  constexpr int kSeen = 20;
  TextRows rows(text, ';', name);
  TextField field;
  if (!rows.next_row() || !rows.next(field) || rows.next(field)) return false;
  bool commas = false;
  for (int seen = 0; seen < kSeen && rows.next_row(); ++seen) {
    if (!rows.next(field) || text_value(field.text, true).kind == Kind::text) return false;
    commas |= has(field.text, ',');
    if (rows.next(field)) return false;
  }
  return commas;
}

char find_separator(std::string_view text, const std::string& wanted, const std::string& name) {
  for (const auto& [word, letter] : kSeparators) {
    if (wanted == word) return letter;
  }
  std::optional<char> first;  // that the first row has
  for (const auto& separator : kSeparators) {
    const auto counts = field_counts(text, separator.letter, name);
    if (is_even(counts, separator.letter)) return separator.letter;
    if (!first && !counts.empty() && counts[0] > 1) first = separator.letter;
  }
  return first.value_or(is_one_column(text, name) ? ';' : ',');
}

void find_decimal_mark(const Sample& sample, const std::string& wanted, TextLayout& layout) {
  bool points = false, commas = false;
  for (const auto& row : sample.rows) {
    for (const auto& field : row) {
      if (has(field.text, '.')) points |= text_value(field.text, false).kind == Kind::number;
      if (has(field.text, ',')) commas |= text_value(field.text, true).kind == Kind::number;
    }
  }
  layout.decimal_comma = wanted == "comma" || (wanted == "auto" && commas && !points);
}

/// Whether a text is a number that cannot be read (1.234,5 or 1e400), and so neither a name nor that of a row.
bool is_spoilt_number(std::string_view field) {
  if (field.starts_with('-') || field.starts_with('+')) field.remove_prefix(1);
  if (field.empty() || !((field[0] >= '0' && field[0] <= '9') || field[0] == '.')) return false;
  for (size_t i = 0; i < field.size(); ++i) {
    const bool exponent = i > 0 && (field[i - 1] == 'e' || field[i - 1] == 'E');
    const bool sign = field[i] == '-' || field[i] == '+';
    if (sign ? !exponent : !has("0123456789.,eE", field[i])) return false;
  }
  return true;
}

/// What the rows below the first hold in one field.
struct Column {
  int64_t numbers = 0, texts = 0, missing = 0;
  bool spoilt = false;    ///< some text is a number that cannot be read
  bool fractions = true;  ///< all numbers are written with a fraction or an exponent
  bool quotes = false;    ///< some number is in quotes
  bool years = false;     ///< some number is from 1900 to 2100
};

constexpr double kFirstYear = 1900, kLastYear = 2100;
bool is_year(double value) { return value >= kFirstYear && value <= kLastYear; }

std::vector<Column> columns_below(const std::vector<Fields>& rows, size_t width, bool decimal_comma) {
  std::vector<Column> out(width);
  for (size_t r = 1; r < rows.size(); ++r) {
    if (rows[r].size() != width) continue;  // a fault, which is told where all rows are read
    for (size_t f = 0; f < width; ++f) {
      const auto& field = rows[r][f];
      const auto value = text_value(field.text, decimal_comma);
      auto& column = out[f];
      ++(value.kind == Kind::number ? column.numbers : value.kind == Kind::text ? column.texts : column.missing);
      column.spoilt |= value.kind == Kind::text && is_spoilt_number(field.text);
      if (value.kind != Kind::number) continue;
      column.fractions &= field.text.find_first_of(decimal_comma ? ",eE" : ".eE") != std::string_view::npos;
      column.quotes |= field.quoted;
      column.years |= is_year(value.number);
    }
  }
  return out;
}

/// Numbers from first to last in equal steps, as far as their digits tell; never of one value.
bool has_equal_steps(const std::vector<double>& numbers) {
  if (numbers.size() < 2) return false;
  const double step = (numbers.back() - numbers.front()) / static_cast<double>(numbers.size() - 1);
  if (step == 0 || !std::isfinite(step)) return false;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (std::abs(numbers[i] - (numbers.front() + step * static_cast<double>(i))) > 1e-6 * std::abs(step)) return false;
  }
  return true;
}

/// The numbers of a row; nothing where one of its fields from `begin` on is none.
std::optional<std::vector<double>> numbers_of(const Fields& row, size_t begin, bool decimal_comma) {
  std::vector<double> out;
  for (size_t f = begin; f < row.size(); ++f) {
    const auto value = text_value(row[f].text, decimal_comma);
    if (value.kind != Kind::number) return {};
    out.push_back(value.number);
  }
  return out;
}

/// Decides by the rules of find_layout.
class HeaderTest {
 public:
  HeaderTest(const Sample& sample, const std::vector<Column>& below, size_t shift, bool decimal_comma)
      : rows_(sample.rows), first_(sample.rows[0]), below_(below), shift_(shift), comma_(decimal_comma) {
    for (const auto& field : first_) kinds_.push_back(text_value(field.text, comma_).kind);
    // An unnamed field, or a text above a column of texts, stands for the index.
    const bool unnamed = kinds_[0] == Kind::missing && first_[0].text.empty() && column(0).missing == 0;
    unnamed_ = rows_.size() > 1 && unnamed;
    begin_ = unnamed_ || (kinds_[0] == Kind::text && column(0).numbers == 0) ? 1 : 0;
    names_ = numbers_of(first_, begin_, comma_);
    std::unordered_set<std::string_view> seen;
    for (size_t f = begin_; f < first_.size(); ++f) distinct_whole_ &= is_whole(first_[f].text) && seen.insert(first_[f].text).second;
  }

  bool numeric() const { return names_ && !names_->empty(); }

  bool is_header() const {
    if (has_names()) return true;
    if (rows_.size() < 2) return false;
    if (shift_ > 0 && (!numeric() || (distinct_whole_ && rows_below_are_named()))) return true;
    if (is_quoted()) return true;
    if (!numeric()) return false;
    const bool likely = all_fractions() || (unnamed_ && rows_below_are_named()) || (counts() && (begin_ > 0 || some_fractions()));
    return (distinct_whole_ && likely) || stands_out();
  }

  /// Whether names of this kind are common, though nothing tells them from data here.
  bool could_be() const { return numeric() && rows_.size() > 1 && distinct_whole_ && (counts() || fractions_throughout() || (names_->size() > 2 && has_equal_steps(*names_))); }

 private:
  const Column& column(size_t f) const {
    static const Column kNone;
    return f + shift_ < below_.size() ? below_[f + shift_] : kNone;
  }

  /// Rule 1.
  bool has_names() const {
    bool text = false, above_numbers = false, numbers = false, whole = true;
    std::unordered_set<std::string_view> seen;
    for (size_t f = 0; f < first_.size(); ++f) {
      if (kinds_[f] == Kind::text && is_spoilt_number(first_[f].text)) return false;
      text |= kinds_[f] == Kind::text;
      above_numbers |= kinds_[f] == Kind::text && column(f).numbers > 0;
      if (kinds_[f] != Kind::number) continue;
      numbers = true;
      whole &= is_whole(first_[f].text) && seen.insert(first_[f].text).second;
    }
    return text && (!numbers || (above_numbers && whole));
  }

  /// Rule 2: where the names are numbers, the rows below begin with texts or count themselves.
  bool rows_below_are_named() const {
    if (below_[0].texts > 0 && below_[0].numbers == 0) return true;
    const double begin = text_value(rows_[1][0].text, comma_).number;
    if (rows_.size() < 3 || (begin != 0 && begin != 1)) return false;
    for (size_t r = 1; r < rows_.size(); ++r) {
      if (rows_[r].empty() || text_value(rows_[r][0].text, comma_).number != begin + static_cast<double>(r - 1)) return false;
    }
    return true;
  }

  /// Rule 3.
  bool is_quoted() const {
    const bool all = std::all_of(first_.begin(), first_.end(), [](const auto& field) { return field.quoted; });
    return all && std::any_of(below_.begin(), below_.end(), [](const auto& c) { return c.numbers > 0 && c.texts == 0 && !c.quotes; });
  }

  bool is_fractions(size_t f) const { return column(f).numbers > 0 && column(f).texts == 0 && column(f).fractions; }

  /// Rule 4.
  bool all_fractions() const {
    const bool year = is_year(names_->front()) && !column(begin_).years;
    if (names_->size() == 1 && !unnamed_ && !year) return false;
    return fractions_throughout();
  }
  bool fractions_throughout() const {
    for (size_t f = begin_; f < first_.size(); ++f) {
      if (!is_fractions(f)) return false;
    }
    return true;
  }

  /// Rule 5.
  bool counts() const {
    const bool one = names_->front() == 1;
    if (names_->front() != 0 && !one) return false;
    if (names_->size() < (one ? 3 : 2)) return false;
    for (size_t i = 0; i < names_->size(); ++i) {
      if ((*names_)[i] != static_cast<double>(i) + one) return false;
    }
    return true;
  }
  bool some_fractions() const {
    for (size_t f = begin_; f < first_.size(); ++f) {
      if (is_fractions(f)) return true;
    }
    return false;
  }

  /// Rule 6.
  bool stands_out() const {
    if (!has_equal_steps(*names_)) return false;
    if (names_->size() >= 5) {
      const auto second = numbers_of(rows_[1], begin_, comma_);
      if (second && !has_equal_steps(*second)) return true;
    }
    if (names_->size() < 2 || !distinct_whole_) return false;
    for (size_t f = begin_; f < first_.size(); ++f) {
      if (!is_year((*names_)[f - begin_]) || column(f).years || column(f).numbers == 0) return false;
    }
    return true;
  }

  const std::vector<Fields>& rows_;
  const Fields& first_;
  const std::vector<Column>& below_;
  size_t shift_, begin_ = 0;
  bool comma_, unnamed_ = false, distinct_whole_ = true;
  std::vector<Kind> kinds_;
  std::optional<std::vector<double>> names_;  ///< the numbers of the first row beside its index; nothing where there is text
};

void find_index(const std::string& wanted, const std::vector<Column>& below, bool shift, const Sample& sample, const std::string& name,
                TextLayout& layout) {
  if (wanted == "none") {
    require(!shift, name, ": the header in line ", layout.header_line, " has ", layout.width - 1, " names for rows of ", layout.width,
            " fields, so that the first field has to be an index; leave index=none away, or mend the header");
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
    ++(text_value(field, layout.decimal_comma).kind == Kind::text ? first.texts : first.numbers);
    first.spoilt |= is_spoilt_number(field) && text_value(field, layout.decimal_comma).kind == Kind::text;
  }
  bool others = false;
  for (size_t f = 1; f < below.size(); ++f) {
    others |= below[f].numbers > 0 || (!layout.header && text_value(sample.rows[0][f].text, layout.decimal_comma).kind == Kind::number);
  }
  if (others && first.texts > 0 && first.numbers == 0 && first.missing == 0 && !first.spoilt) layout.index = 0;
}

}  // namespace

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
  const auto sample = first_rows(text, out, name);
  require(!sample.rows.empty(), name, ": has no row of numbers; give one row of numbers a line");
  out.row_bytes = static_cast<double>(sample.bytes) / static_cast<double>(sample.rows.size());
  find_decimal_mark(sample, options.decimal, out);

  const auto& rows = sample.rows;
  const size_t width = rows.size() > 1 ? rows[1].size() : rows[0].size();
  const auto below = columns_below(rows, width, out.decimal_comma);
  const auto ends_empty = [](const Fields& row) { return row.size() > 1 && row.back().text.empty() && !row.back().quoted; };
  const bool rows_trail = rows.size() > 1 && std::all_of(rows.begin() + 1, rows.end(), ends_empty);
  const bool fewer = rows.size() > 1 && rows[0].size() + 1 == width;
  const bool shift = fewer && !rows_trail && options.header != "no";

  const HeaderTest test(sample, below, shift ? 1 : 0, out.decimal_comma);
  out.header = options.header == "yes" || (options.header == "auto" && test.is_header());
  out.numeric_header = out.header && test.numeric();
  out.could_be_header = options.header == "auto" && !out.header && test.could_be();
  out.width = static_cast<int64_t>(width);
  out.trailing = out.separator != ' ' && rows_trail && (ends_empty(rows[0]) || (out.header && fewer));
  for (size_t f = 0; f < width; ++f) out.text_columns.push_back(below[f].texts > 0);
  if (out.header) {
    out.header_line = sample.first_line;
    require(rows.size() > 1, name, ": has no row of numbers below its header (line ", out.header_line,
            "); give one row of numbers a line, or ?header=no if these are numbers");
    if (shift && !out.trailing) out.names.emplace_back();
    for (const auto& field : rows[0]) {
      out.foreign_names |= !is_utf8(field.text);
      out.names.push_back(utf8_name(field.text));
    }
    if (out.trailing && out.names.size() < width) out.names.emplace_back();
    if (out.names.size() != width) {
      throw Error(Complaint{.what = monge::text("the header (line ", out.header_line, ") has ", out.names.size(), " names and the row below it ",
                                                width, " fields"),
                            .where = name,
                            .allowed = "as many, or one name less where rows begin with a name of their own",
                            .fix = "mend the header, or say header=no where it is data; decimal commas need another separator than commas"});
    }
  } else if (rows[0].size() != width) {
    out.width = static_cast<int64_t>(rows[0].size());
    out.text_columns.resize(rows[0].size());
    return out;  // the next row is a fault, which is told where all rows are read
  }
  find_index(options.index, below, out.header && shift, sample, name, out);
  return out;
}

}  // namespace monge::io

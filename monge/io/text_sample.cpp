#include "monge/io/text_sample.h"

#include <algorithm>
#include <array>
#include <optional>

#include "monge/core/error.h"
#include "monge/io/text_value.h"

namespace monge::io {
namespace {

using Kind = TextValue::Kind;

constexpr size_t kSampleRows = 101, kSampleFields = 300'000;  // reading the sample stops after so many rows or fields
constexpr size_t kSeen = 20;                                  // rows from which a separator is chosen

struct Separator {
  const char* word;
  char letter;
};
constexpr std::array<Separator, 5> kSeparators = {
    {{"semicolon", ';'}, {"tab", '\t'}, {"comma", ','}, {"bar", '|'}, {"blank", ' '}}};

/// The number of fields of each of the first rows with this separator.
std::vector<size_t> field_counts(std::string_view text, char separator, const std::string& name) {
  constexpr size_t kBytes = 1 << 20;
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
  } catch (const InputError&) {
    return {};  // quotes do not match with this separator
  }
  return out;
}

/// Whether all rows have the same number of fields; the first may have one less. The first row must contain the
/// separator (blanks and tabs excepted): letters like ; and | also occur in names, below a header that has none of
/// them.
bool is_even(const std::vector<size_t>& counts, char separator) {
  if (counts.empty() || (counts[0] < 2 && separator != ' ' && separator != '\t')) return false;
  const size_t width = counts.back();
  if (width < 2 || counts[0] > width || counts[0] + 1 < width) return false;
  return std::all_of(counts.begin() + 1, counts.end(), [&](size_t count) { return count == width; });
}

/// Whether the rows are R's write.table of one column: a header of one name, and rows of a row name and a number. The
/// row names are in quotes, or count 1, 2, 3, ... Call it only for the first rows, with a separator for which `counts`
/// are 1, 2, 2, ...
bool is_r_column(std::string_view text, const std::vector<size_t>& counts, char separator, const std::string& name) {
  if (counts.size() < 3 || counts[0] != 1) return false;
  if (!std::all_of(counts.begin() + 1, counts.end(), [](size_t count) { return count == 2; })) return false;
  TextRows rows(text, separator, name);
  TextField field;
  rows.next_row();
  rows.next(field);
  if (!field.quoted && text_value(field.text, false).kind != Kind::text) return false;
  bool quoted = true, counting = true;
  for (size_t row = 1; row < counts.size() && rows.next_row(); ++row) {
    rows.next(field);
    quoted &= field.quoted;
    counting &= field.text == std::to_string(row);
    rows.next(field);
    const bool number = text_value(field.text, false).kind != Kind::text ||
                        (separator != ',' && text_value(field.text, true).kind != Kind::text);
    if (field.quoted || !number) return false;
  }
  return quoted || counting;
}

/// Whether the rows below the first are single numbers with decimal commas, which would be two fields between commas.
bool is_one_column(std::string_view text, const std::string& name) {
  TextRows rows(text, ';', name);
  TextField field;
  if (!rows.next_row() || !rows.next(field) || rows.next(field)) return false;
  bool commas = false;
  for (size_t seen = 0; seen < kSeen && rows.next_row(); ++seen) {
    if (!rows.next(field) || text_value(field.text, true).kind == Kind::text) return false;
    commas |= field.text.find(',') != std::string_view::npos;
    if (rows.next(field)) return false;
  }
  return commas;
}

}  // namespace

TextSample first_rows(std::string_view text, char separator, bool skip_line, const std::string& name) {
  TextSample out;
  TextRows rows(text, separator, name);
  if (skip_line) rows.skip_line();
  rows.keep_comments(&out.comments);
  size_t count = 0;
  while ((out.rows.size() < 3 || count < kSampleFields) && out.rows.size() < kSampleRows && rows.next_row()) {
    if (out.rows.empty()) {
      out.first_line = rows.line();
      rows.keep_comments(nullptr);
    }
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

char find_separator(std::string_view text, const std::string& wanted, const std::string& name) {
  for (const auto& [word, letter] : kSeparators) {
    if (wanted == word) return letter;
  }
  std::optional<char> first;  // the first candidate that occurs in the first row
  for (const auto& separator : kSeparators) {
    const auto counts = field_counts(text, separator.letter, name);
    if (is_even(counts, separator.letter)) return separator.letter;
    const bool separates_names = separator.letter == ';' || separator.letter == ',';
    if (separates_names && is_r_column(text, counts, separator.letter, name)) return separator.letter;
    if (!first && !counts.empty() && counts[0] > 1) first = separator.letter;
  }
  return first.value_or(is_one_column(text, name) ? ';' : ',');
}

}  // namespace monge::io

#include "monge/io/text_commas.h"

#include <algorithm>
#include <optional>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/text_number_like.h"
#include "monge/io/text_value.h"

namespace monge::io {
namespace {

using Kind = TextValue::Kind;

bool has(std::string_view field, char letter) { return field.find(letter) != std::string_view::npos; }

/// Whether it is a whole number that would have a mark if thousands were separated.
bool is_long_whole(std::string_view field) {
  if (field.starts_with('-') || field.starts_with('+')) field.remove_prefix(1);
  return field.size() > 3 && field[0] != '0' && is_whole(field);
}

std::string without_commas(std::string_view field) {
  std::string out(field);
  std::erase(out, ',');
  return out;
}

std::string with_point(std::string_view field) {
  std::string out(field);
  std::replace(out.begin(), out.end(), ',', '.');
  return out;
}

}  // namespace

bool finds_decimal_commas(const std::vector<TextRow>& rows) {
  bool points = false, commas = false;
  for (const auto& row : rows) {
    for (const auto& field : row) {
      if (has(field.text, '.')) points |= text_value(field.text, false).kind == Kind::number;
      if (has(field.text, ',')) commas |= text_value(field.text, true).kind == Kind::number;
    }
  }
  return commas && !points;
}

bool points_could_group(const std::vector<TextRow>& rows) {
  std::vector<bool> grouped, whole;
  int64_t points = 0;
  for (const auto& row : rows) {
    grouped.resize(std::max(grouped.size(), row.size()));
    whole.resize(grouped.size());
    for (size_t f = 0; f < row.size(); ++f) {
      if (!has(row[f].text, '.')) {
        whole[f] = whole[f] || is_long_whole(row[f].text);
      } else if (is_grouped(row[f].text, '.')) {
        grouped[f] = true;
        ++points;
      } else if (text_value(row[f].text, false).kind == Kind::number) {
        return false;
      }
      if (grouped[f] && whole[f]) return false;
    }
  }
  return points > 1;
}

void require_decimal_commas(std::string_view text, const TextLayout& layout, const std::vector<int64_t>& columns,
                            const std::string& name) {
  struct Found {
    int64_t line, field;
    std::string value;
  };
  std::optional<Found> first;
  const auto width = static_cast<size_t>(layout.width);
  std::vector<bool> grouped(width), whole(width), chosen(width);
  for (const int64_t column : columns) chosen[static_cast<size_t>(column)] = true;

  TextRows rows(text, layout.separator, name);
  if (layout.separator_line) rows.skip_line();
  if (layout.header) rows.next_row();
  bool proved_grouped = false;
  while (!proved_grouped && rows.next_row()) {
    TextField field;
    for (size_t f = 0; rows.next(field) && f < width; ++f) {
      if (static_cast<int64_t>(f) == layout.index) continue;
      if (is_grouped(field.text, ',')) {
        grouped[f] = true;
        proved_grouped = chosen[f] && std::count(field.text.begin(), field.text.end(), ',') > 1;
        if (proved_grouped || (chosen[f] && !first))
          first = {rows.line(), static_cast<int64_t>(f), std::string(field.text)};
        if (proved_grouped) break;
      } else if (has(field.text, ',')) {
        if (text_value(field.text, true).kind == Kind::number) return;
      } else {
        whole[f] = whole[f] || is_long_whole(field.text);
      }
      if (grouped[f] && whole[f]) return;
    }
  }
  if (!first) return;
  const auto place = monge::text("line ", first->line, ", column ", column_name(layout, first->field));
  const auto plain = without_commas(first->value);
  if (proved_grouped) {
    throw InputError({.what = place + ": commas separate thousands",
                      .where = name,
                      .value = shown(first->value),
                      .fix = "write thousands without commas: " + plain});
  }
  throw InputError(
      {.what = place + ": its comma can be a decimal mark or separate thousands, and no number in the table decides it",
       .where = name,
       .value = shown(first->value),
       .fix = monge::text("if it is ", with_point(first->value), ", set ?decimal=comma; if it is ", plain,
                          ", write thousands without commas")});
}

}  // namespace monge::io

#include "monge/io/text_column_plan.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/io/column_choice.h"
#include "monge/io/text_value.h"

namespace monge::io {

ColumnPlan plan_columns(TextLayout& layout, const TextTableOptions& options, const std::string& name) {
  ColumnPlan out;
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
    throw InputError(text(name, ": has no column besides its index, column ", column_name(layout, layout.index)));
  out.destination.assign(static_cast<size_t>(layout.width), ColumnPlan::kSkip);
  for (size_t i = 0; i < out.columns.size(); ++i) {
    out.destination[static_cast<size_t>(out.columns[i])] = static_cast<int64_t>(i);
    out.in_order &= out.columns[i] == static_cast<int64_t>(i);
  }
  out.in_order &= static_cast<int64_t>(out.columns.size()) == layout.width;
  if (layout.index >= 0) out.destination[static_cast<size_t>(layout.index)] = ColumnPlan::kIndex;
  if (layout.trailing) out.destination.back() = ColumnPlan::kTrailing;
  return out;
}

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

std::string field_word(const TextLayout& layout, int64_t field) {
  const bool plain = !layout.names.empty() && !layout.names[static_cast<size_t>(field)].empty();
  return plain ? layout.names[static_cast<size_t>(field)] : std::to_string(field);
}

}  // namespace monge::io

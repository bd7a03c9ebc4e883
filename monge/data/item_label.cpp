#include "monge/data/item_label.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/names.h"

namespace monge::data {

std::string item_label(const Source& source, int64_t index) {
  const auto name = source.item_name(index);
  if (source.item_shape().size() != 1) return shown(name);
  const auto rows = source.table_names().rows;
  if (!rows.empty()) return "row " + shown(rows.at(static_cast<size_t>(index)));
  // Rows without a name are numbered in the whole table ("000017"), also if this is a part of it.
  const bool numbered = !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
  if (!numbered) return shown(name);
  return text("row ", name.substr(std::min(name.find_first_not_of('0'), name.size() - 1)), " (counted from 0)");
}

}  // namespace monge::data

// How an item of a source stands in a message.
#pragma once

#include <cstdint>
#include <string>

#include "monge/data/source.h"

namespace monge::data {

/// The row of a table, by its name in quotes or as "row 17 (counted from 0)"; any other item by its name in quotes. Of
/// a part of a source, the row in the whole.
/// @param index  in [0, source.size()); a finite source.
std::string item_label(const Source& source, int64_t index);

}  // namespace monge::data

// The label of an item in messages.
#pragma once

#include <cstdint>
#include <string>

#include "monge/data/source.h"

namespace monge::data {

/// The label of a table's row is its name in quotes or "row 17 (counted from 0)"; that of any other item is its name in
/// quotes. If the source is a part of another one, the row is counted in the whole.
/// @param index  in [0, source.size()); the source must be finite.
std::string item_label(const Source& source, int64_t index);

}  // namespace monge::data

// A cheap hash that shows whether a table has changed.
#pragma once

#include <string>

#include "monge/data/source.h"

namespace monge::data {

/// XXH3 (16 hexadecimal digits) of the number of items, their dimension and the exact values of at most 4,096 items.
/// Long rows give fewer items (2^22 entries together), and sources that may read from a disk give 512. The items are
/// evenly spaced and include the first and the last, so a small table is covered entirely. No random number is drawn.
/// Empty if there is nothing to compare: for endless laws, for images (decoding them costs too much), and if a value
/// cannot be used (training reports such a value when it draws it).
std::string fingerprint(const Source& source);

}  // namespace monge::data

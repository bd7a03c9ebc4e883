// Whether a table is still the one that it was, at little cost.
#pragma once

#include <string>

#include "monge/data/source.h"

namespace monge::data {

/// XXH3 (16 hexadecimal digits) of the number of items, their dimension and the exact values of at most 4,096 items:
/// fewer of long rows (2^22 entries together), and 512 of those that may have to come from a disk. The items are evenly
/// spread and contain the first and the last, so that a small table is seen as a whole. No random number is drawn.
/// Empty where there is nothing to compare: for endless laws, for images (decoding them would cost more than it tells),
/// and where a value cannot be used, which the training reports when it draws it.
std::string fingerprint(const Source& source);

}  // namespace monge::data

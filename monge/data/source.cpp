#include "monge/data/source.h"

#include <cstdio>

namespace monge::data {

std::string Source::item_name(int64_t index) const {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%06lld", static_cast<long long>(index));
  return digits;
}

}  // namespace monge::data

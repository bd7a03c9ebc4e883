#include "monge/data/lost_columns.h"

#include <algorithm>

#include "monge/data/float32_loss.h"

namespace monge::data {

std::vector<int64_t> lost_columns(const Source& source, int64_t n, torch::Generator generator) {
  constexpr int64_t kMostEntries = 1 << 22, kLeastRows = 64;
  const auto shape = source.item_shape();
  if (shape.size() != 1 || source.endless()) return {};
  n = std::min(n, std::max(kLeastRows, kMostEntries / shape[0]));
  return columns_lost_in_float32(source.exact_items(some_indices(source.size(), n, std::move(generator))));
}

}  // namespace monge::data

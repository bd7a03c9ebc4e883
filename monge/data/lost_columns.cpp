#include "monge/data/lost_columns.h"

#include "monge/data/float32_loss.h"

namespace monge::data {

std::vector<int64_t> lost_columns(const Source& source, int64_t n, torch::Generator generator) {
  if (source.item_shape().size() != 1 || source.endless()) return {};
  return columns_lost_in_float32(source.exact_items(some_indices(source.size(), n, std::move(generator))));
}

}  // namespace monge::data

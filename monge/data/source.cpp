#include "monge/data/source.h"

#include <algorithm>
#include <cstdio>

#include "monge/io/image.h"

namespace monge::data {

std::string Source::item_name(int64_t index) const {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%06lld", static_cast<long long>(index));
  return digits;
}

torch::Tensor Source::items(const std::vector<int64_t>& indices) const { return as_floats(stored_items(indices)); }

torch::Tensor as_floats(const torch::Tensor& stored) {
  return stored.scalar_type() == torch::kUInt8 ? io::scale_to_float(stored) : stored;
}

torch::Tensor some_items(const Source& source, int64_t n, torch::Generator generator) {
  if (source.endless()) return source.draw(n, generator);
  const auto order = torch::randperm(source.size(), generator, torch::kInt64);
  const int64_t* first = order.data_ptr<int64_t>();
  return source.items({first, first + std::min(n, source.size())});
}

}  // namespace monge::data

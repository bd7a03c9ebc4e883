#include "monge/data/source.h"

#include <algorithm>
#include <cstdio>
#include <unordered_set>

#include "monge/io/image.h"

namespace monge::data {

std::string Source::item_name(int64_t index) const {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%06lld", static_cast<long long>(index));
  return digits;
}

torch::Tensor Source::items(const std::vector<int64_t>& indices) const { return as_floats(stored_items(indices)); }

torch::Tensor Source::exact_items(const std::vector<int64_t>& indices) const {
  return as_floats(stored_items(indices)).to(torch::kFloat64);
}

torch::Tensor Source::exact_draw(int64_t n, torch::Generator generator) const {
  return draw(n, std::move(generator)).to(torch::kFloat64);
}

torch::Tensor as_floats(const torch::Tensor& stored) {
  return stored.scalar_type() == torch::kUInt8 ? io::scale_to_float(stored) : stored;
}

std::vector<int64_t> some_indices(int64_t size, int64_t n, torch::Generator generator) {
  constexpr int64_t kLarge = 1 << 20;  // a permutation of more is slow to make
  n = std::min(n, size);
  if (size <= kLarge || n > size / 16) {
    const auto order = torch::randperm(size, generator, torch::kInt64);
    const int64_t* first = order.const_data_ptr<int64_t>();
    return {first, first + n};
  }
  std::vector<int64_t> out;
  std::unordered_set<int64_t> taken;
  while (static_cast<int64_t>(out.size()) < n) {
    const auto more = torch::randint(size, {n}, generator, torch::kInt64);
    const int64_t* candidate = more.const_data_ptr<int64_t>();
    for (int64_t i = 0; i < n && static_cast<int64_t>(out.size()) < n; ++i) {
      if (taken.insert(candidate[i]).second) out.push_back(candidate[i]);
    }
  }
  return out;
}

torch::Tensor some_items(const Source& source, int64_t n, torch::Generator generator) {
  return source.endless() ? source.draw(n, generator) : source.items(some_indices(source.size(), n, generator));
}

}  // namespace monge::data

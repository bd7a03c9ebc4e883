#include "monge/data/finite.h"

#include "monge/core/error.h"

namespace monge::data {

torch::Tensor FiniteSource::draw(int64_t n, torch::Generator generator) const { return items(chosen(n, generator)); }

torch::Tensor FiniteSource::exact_draw(int64_t n, torch::Generator generator) const {
  return exact_items(chosen(n, generator));
}

std::vector<int64_t> FiniteSource::chosen(int64_t n, torch::Generator& generator) const {
  if (n < 0) throw InputError(text(name(), ": cannot draw ", n, " items"));
  const auto indices = torch::randint(size(), {n}, generator, torch::kInt64);
  const auto* first = indices.const_data_ptr<int64_t>();
  return {first, first + n};
}

void FiniteSource::check(const std::vector<int64_t>& indices) const {
  for (const int64_t index : indices) {
    if (index >= 0 && index < size()) continue;  // name() builds a string, so it is called only for the message
    throw InputError(text(name(), ": item ", index, " does not exist; the items are 0 to ", size() - 1));
  }
}

}  // namespace monge::data

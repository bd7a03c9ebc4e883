#include "monge/data/sampler.h"

#include <algorithm>

#include "monge/core/checked.h"

namespace monge::data {

Sampler::Sampler(std::shared_ptr<const Source> source, uint64_t seed, std::string purpose, bool flip)
    : source_(std::move(source)), streams_(seed), purpose_(std::move(purpose)), flip_(flip) {
  require(source_ != nullptr, "Sampler: a source is needed");
  require(!flip_ || source_->item_shape().size() == 3, source_->name(),
          ": flip is for images [C,H,W], but its items are ", torch::IntArrayRef(source_->item_shape()),
          "; set data.flip = false");
}

torch::Tensor Sampler::permutation(int64_t epoch) const {
  const std::lock_guard lock(guard_);
  if (newest_.number == epoch) return newest_.order;
  if (older_.number == epoch) return older_.order;
  older_ = std::move(newest_);
  newest_ = {epoch, torch::randperm(source_->size(), streams_.at(purpose_ + "/epoch", epoch), torch::kInt64)};
  return newest_.order;
}

std::vector<int64_t> Sampler::indices(int64_t step, int64_t n) const {
  require(!source_->endless(), source_->name(), ": the law is endless and has no numbered items");
  const int64_t size = source_->size();
  const int64_t end = checked_add(checked_multiply(step, n, "the position in the data"), n, "the position in the data");
  std::vector<int64_t> out;
  out.reserve(static_cast<size_t>(n));
  for (int64_t at = end - n; at < end;) {
    const auto order = permutation(at / size);
    const int64_t first = at % size, count = std::min(size - first, end - at);
    const auto* items = order.data_ptr<int64_t>() + first;
    out.insert(out.end(), items, items + count);
    at += count;
  }
  return out;
}

torch::Tensor Sampler::batch(int64_t step, int64_t n) const {
  require(step >= 0 && n >= 1, "Sampler: a batch needs step >= 0 and n >= 1, got step ", step, ", n ", n);
  auto out = source_->endless() ? source_->draw(n, streams_.at(purpose_, step)) : source_->items(indices(step, n));
  if (!flip_) return out;
  const auto mirrored = torch::rand({n, 1, 1, 1}, streams_.at(purpose_ + "/flip", step)) < 0.5;
  return torch::where(mirrored, out.flip(-1), out);
}

}  // namespace monge::data

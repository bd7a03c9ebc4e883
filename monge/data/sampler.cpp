#include "monge/data/sampler.h"

#include <algorithm>

#include "monge/core/checked.h"
#include "monge/data/endless.h"

namespace monge::data {

Sampler::Sampler(std::shared_ptr<const Source> source, uint64_t seed, std::string purpose,
                 const SamplerOptions& options)
    : source_(std::move(source)), streams_(seed), purpose_(std::move(purpose)), options_(options) {
  require(source_ != nullptr, "Sampler: a source is needed");
  require(options.group >= 1 && options.rank >= 0 && options.rank < options.group, "Sampler: rank ", options.rank,
          " of ", options.group);
  const auto shape = source_->item_shape();
  const bool images = shape.size() == 3;
  require(!options.flip || images, source_->name(), ": flip is for images [C,H,W], but its items are ",
          torch::IntArrayRef(shape), "; set data.flip = false");
  require(options.random_crop >= 0 && (options.random_crop == 0 || images), source_->name(),
          ": random_crop is for images [C,H,W], but its items are ", torch::IntArrayRef(shape),
          "; set data.random_crop = 0");
  require(!images || options.random_crop < std::min(shape[1], shape[2]), source_->name(),
          ": random_crop = ", options.random_crop, " must be less than the side of its images, ",
          torch::IntArrayRef(shape), "; set a smaller data.random_crop");
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
  if (source_->endless()) refuse_items(source_->name());
  const int64_t size = source_->size();
  const auto* what = "the position in the data";
  const int64_t whole = checked_multiply(n, options_.group, what);
  const int64_t end =
      checked_add(checked_multiply(step, whole, what), checked_multiply(n, options_.rank + 1, what), what);
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

/// The rank's slice of the numbers drawn for all ranks.
torch::Tensor Sampler::own(const torch::Tensor& whole_batch, int64_t n) const {
  return options_.group == 1 ? whole_batch : whole_batch.narrow(0, options_.rank * n, n);
}

Augmentation Sampler::augmentation(int64_t step, int64_t n) const {
  Augmentation out;
  const int64_t whole = n * options_.group;
  if (options_.flip) {
    out.mirrored_B = (own(torch::rand({whole, 1, 1, 1}, streams_.at(purpose_ + "/flip", step)), n) < 0.5).flatten();
  }
  if (options_.random_crop > 0) {
    const int64_t most = options_.random_crop;
    out.shift_B2 =
        own(torch::randint(-most, most + 1, {whole, 2}, streams_.at(purpose_ + "/crop", step), torch::kInt64), n)
            .contiguous();
  }
  return out;
}

torch::Tensor Sampler::stored_batch(int64_t step, int64_t n) const {
  require(step >= 0 && n >= 1, "Sampler: a batch needs step >= 0 and n >= 1, got step ", step, ", n ", n);
  const auto items = source_->endless() ? own(source_->draw(n * options_.group, streams_.at(purpose_, step)), n)
                                        : source_->stored_items(indices(step, n));
  return augmented(items, augmentation(step, n));
}

torch::Tensor Sampler::batch(int64_t step, int64_t n) const { return as_floats(stored_batch(step, n)); }

}  // namespace monge::data

#include "monge/data/split.h"

#include "monge/core/error.h"

namespace monge::data {

Subset::Subset(std::shared_ptr<const Source> whole, int64_t begin, int64_t end)
    : whole_(std::move(whole)), begin_(begin), end_(end) {
  require(whole_ != nullptr, "Subset: a source is needed");
  require(!whole_->endless(), whole_->name(), ": an endless law has no parts");
  require(begin >= 0 && begin < end && end <= whole_->size(), whole_->name(), ": the part ", begin, " to ", end,
          " is empty or outside its ", whole_->size(), " items");
}

std::string Subset::name() const { return text(whole_->name(), "[", begin_, ":", end_, "]"); }

torch::Tensor Subset::items(const std::vector<int64_t>& indices) const {
  check(indices);
  auto moved = indices;
  for (auto& index : moved) index += begin_;
  return whole_->items(moved);
}

std::string Subset::item_name(int64_t index) const {
  check({index});
  return whole_->item_name(index + begin_);
}

Split hold_out(std::shared_ptr<const Source> source, int64_t count) {
  require(count >= 0, source->name(), ": cannot hold out ", count, " items");
  if (count == 0) return {source, nullptr};
  if (source->endless()) return {source, source};
  const int64_t size = source->size();
  require(count < size, source->name(), ": holding out ", count, " of ", size, " items leaves none; hold out fewer");
  return {std::make_shared<Subset>(source, 0, size - count), std::make_shared<Subset>(source, size - count, size)};
}

}  // namespace monge::data

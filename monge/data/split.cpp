#include "monge/data/split.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "monge/core/error.h"

namespace monge::data {
namespace {

/// Holds out the items that stand last in `order`.
Split split(const std::shared_ptr<const Source>& source, int64_t count, std::vector<int64_t> order) {
  const auto border = order.end() - count;
  std::sort(order.begin(), border);
  std::sort(border, order.end());
  return {std::make_shared<Subset>(source, std::vector<int64_t>(order.begin(), border), "[kept]"),
          std::make_shared<Subset>(source, std::vector<int64_t>(border, order.end()), "[held out]")};
}

/// What holds whatever is held out; empty when there is something to split.
std::optional<Split> trivial(const std::shared_ptr<const Source>& source, int64_t count) {
  require(count >= 0, source->name(), ": cannot hold out ", count, " items");
  if (count == 0) return Split{source, nullptr};
  if (source->endless()) return Split{source, source};
  require(count < source->size(), source->name(), ": holding out ", count, " of ", source->size(),
          " items leaves none; hold out fewer");
  return std::nullopt;
}

}  // namespace

Subset::Subset(std::shared_ptr<const Source> whole, std::vector<int64_t> indices, std::string label)
    : whole_(std::move(whole)), indices_(std::move(indices)), label_(std::move(label)) {
  require(whole_ != nullptr, "Subset: a source is needed");
  require(!whole_->endless(), whole_->name(), ": an endless law has no parts");
  require(!indices_.empty(), whole_->name(), label_, ": the part is empty");
  const auto [least, most] = std::minmax_element(indices_.begin(), indices_.end());
  require(*least >= 0 && *most < whole_->size(), whole_->name(), label_, ": item ", *least < 0 ? *least : *most,
          " is outside its ", whole_->size(), " items");
}

std::string Subset::name() const { return whole_->name() + label_; }

torch::Tensor Subset::stored_items(const std::vector<int64_t>& indices) const {
  check(indices);
  auto moved = indices;
  for (auto& index : moved) index = indices_[static_cast<size_t>(index)];
  return whole_->stored_items(moved);
}

std::string Subset::item_name(int64_t index) const {
  check({index});
  return whole_->item_name(indices_[static_cast<size_t>(index)]);
}

Split hold_out(std::shared_ptr<const Source> source, int64_t count) {
  if (auto out = trivial(source, count)) return *out;
  std::vector<int64_t> order(static_cast<size_t>(source->size()));
  std::iota(order.begin(), order.end(), 0);
  return split(source, count, std::move(order));
}

Split hold_out(std::shared_ptr<const Source> source, int64_t count, torch::Generator generator) {
  if (auto out = trivial(source, count)) return *out;
  const auto order = torch::randperm(source->size(), generator, torch::kInt64);
  const int64_t* first = order.data_ptr<int64_t>();
  return split(source, count, {first, first + source->size()});
}

}  // namespace monge::data

#include "monge/data/split.h"

#include <algorithm>
#include <optional>

#include "monge/core/error.h"

namespace monge::data {
namespace {

/// The two parts in the order of the source. `held` has one bit per item, so that the parts themselves need most of the
/// memory.
Split split(const std::shared_ptr<const Source>& source, int64_t count, const std::vector<bool>& held) {
  std::vector<int64_t> out, kept;
  out.reserve(static_cast<size_t>(count));
  kept.reserve(held.size() - static_cast<size_t>(count));
  for (size_t i = 0; i < held.size(); ++i) (held[i] ? out : kept).push_back(static_cast<int64_t>(i));
  return {std::make_shared<Subset>(source, std::move(kept), "[kept]"),
          std::make_shared<Subset>(source, std::move(out), "[held out]")};
}

/// The result for cases that need no choice of items; empty if there is something to split.
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

std::vector<int64_t> Subset::in_whole(const std::vector<int64_t>& indices) const {
  check(indices);
  auto moved = indices;
  for (auto& index : moved) index = indices_[static_cast<size_t>(index)];
  return moved;
}

torch::Tensor Subset::stored_items(const std::vector<int64_t>& indices) const {
  return whole_->stored_items(in_whole(indices));
}

torch::Tensor Subset::exact_items(const std::vector<int64_t>& indices) const {
  return whole_->exact_items(in_whole(indices));
}

io::TableNames Subset::table_names() const {
  auto out = whole_->table_names();
  if (out.rows.empty()) return out;
  std::vector<std::string> rows;
  rows.reserve(indices_.size());
  for (const int64_t index : indices_) rows.push_back(out.rows[static_cast<size_t>(index)]);
  out.rows = std::move(rows);
  return out;
}

std::string Subset::item_name(int64_t index) const {
  check({index});
  return whole_->item_name(indices_[static_cast<size_t>(index)]);
}

Split hold_out(std::shared_ptr<const Source> source, int64_t count) {
  if (auto out = trivial(source, count)) return *out;
  std::vector<bool> held(static_cast<size_t>(source->size()));
  std::fill(held.end() - count, held.end(), true);
  return split(source, count, held);
}

Split hold_out(std::shared_ptr<const Source> source, int64_t count, torch::Generator generator) {
  if (auto out = trivial(source, count)) return *out;
  const int64_t size = source->size();
  std::vector<bool> held(static_cast<size_t>(size));
  {
    const auto order = torch::randperm(size, generator, torch::kInt64);
    const int64_t* item = order.const_data_ptr<int64_t>();
    for (int64_t i = size - count; i < size; ++i) held[static_cast<size_t>(item[i])] = true;
  }
  return split(source, count, held);
}

}  // namespace monge::data

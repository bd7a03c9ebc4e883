#include "monge/data/tensor_source.h"

#include "monge/core/error.h"

namespace monge::data {

TensorSource::TensorSource(std::string name, torch::Tensor rows, std::vector<std::string> names)
    : name_(std::move(name)), rows_(rows.contiguous()), names_(std::move(names)) {
  require(rows_.dim() >= 2 && rows_.size(0) >= 1, name_, ": one or more items [N, ...] are needed, got ",
          rows_.sizes());
  require(rows_.scalar_type() == torch::kFloat32 || rows_.scalar_type() == torch::kFloat64 || rows_.scalar_type() == torch::kUInt8, name_,
          ": items must be float32, float64 or uint8, got ", rows_.scalar_type());
  require(rows_.device().is_cpu(), name_, ": items must lie on the CPU, got ", rows_.device());
  require(names_.empty() || static_cast<int64_t>(names_.size()) == size(), name_, ": ", names_.size(), " names for ",
          size(), " items");
}

torch::Tensor TensorSource::stored_items(const std::vector<int64_t>& indices) const {
  check(indices);
  const auto items = rows_.index_select(0, torch::tensor(indices, torch::kInt64));
  return items.scalar_type() == torch::kFloat64 ? items.to(torch::kFloat32) : items;
}

torch::Tensor TensorSource::exact_items(const std::vector<int64_t>& indices) const {
  if (rows_.scalar_type() != torch::kFloat64) return Source::exact_items(indices);
  check(indices);
  return rows_.index_select(0, torch::tensor(indices, torch::kInt64));
}

torch::ScalarType TensorSource::number_type() const { return rows_.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32; }

std::string TensorSource::item_name(int64_t index) const {
  check({index});
  return names_.empty() ? Source::item_name(index) : names_[static_cast<size_t>(index)];
}

}  // namespace monge::data

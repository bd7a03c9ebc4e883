#include "monge/data/tensor_source.h"

#include "monge/core/error.h"

namespace monge::data {

TensorSource::TensorSource(std::string name, torch::Tensor rows, std::vector<std::string> names, TableMetadata table)
    : name_(std::move(name)), rows_(rows.contiguous()), names_(std::move(names)), table_(std::move(table)) {
  require(rows_.dim() >= 2 && rows_.size(0) >= 1, name_, ": one or more items [N, ...] are needed, got ",
          rows_.sizes());
  require(rows_.scalar_type() == torch::kFloat32 || rows_.scalar_type() == torch::kUInt8, name_,
          ": items must be float32 or uint8, got ", rows_.scalar_type());
  require(rows_.device().is_cpu(), name_, ": items must lie on the CPU, got ", rows_.device());
  require(names_.empty() || static_cast<int64_t>(names_.size()) == size(), name_, ": ", names_.size(), " names for ",
          size(), " items");
  const auto fits = [](size_t given, int64_t expected) {
    return given == 0 || static_cast<int64_t>(given) == expected;
  };
  require(fits(table_.names.columns.size(), rows_.size(1)) && fits(table_.names.rows.size(), size()), name_,
          ": names of ", table_.names.columns.size(), " columns and ", table_.names.rows.size(),
          " rows for a table of ", rows_.sizes());
  if (!table_.exact.defined()) return;
  require(table_.exact.sizes() == rows_.sizes() && table_.exact.scalar_type() == torch::kFloat64 &&
              table_.exact.is_contiguous(),
          name_, ": exact values must be float64 ", rows_.sizes(), ", got ", table_.exact.scalar_type(), ' ',
          table_.exact.sizes());
}

torch::Tensor TensorSource::stored_items(const std::vector<int64_t>& indices) const {
  check(indices);
  return rows_.index_select(0, torch::tensor(indices, torch::kInt64));
}

torch::Tensor TensorSource::exact_items(const std::vector<int64_t>& indices) const {
  if (!table_.exact.defined()) return Source::exact_items(indices);
  check(indices);
  return table_.exact.index_select(0, torch::tensor(indices, torch::kInt64));
}

std::string TensorSource::item_name(int64_t index) const {
  check({index});
  return names_.empty() ? Source::item_name(index) : names_[static_cast<size_t>(index)];
}

}  // namespace monge::data

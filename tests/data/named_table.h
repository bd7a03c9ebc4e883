// A table in double with names, as a source of its own: what the formats of files give, without a file.
#pragma once

#include "monge/data/finite.h"

namespace monge::data {

class NamedTable : public FiniteSource {
 public:
  /// @param values  float64 [N, D].
  NamedTable(std::string name, torch::Tensor values, io::TableNames names = {})
      : name_(std::move(name)), values_(std::move(values)), names_(std::move(names)) {}

  std::string name() const override { return name_; }
  std::vector<int64_t> item_shape() const override { return {values_.size(1)}; }
  int64_t size() const override { return values_.size(0); }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override {
    return exact_items(indices).to(torch::kFloat32);
  }
  torch::Tensor exact_items(const std::vector<int64_t>& indices) const override {
    check(indices);
    return values_.index_select(0, torch::tensor(indices, torch::kInt64));
  }
  torch::ScalarType number_type() const override { return torch::kFloat64; }
  io::TableNames table_names() const override { return names_; }

 private:
  std::string name_;
  torch::Tensor values_;
  io::TableNames names_;
};

}  // namespace monge::data

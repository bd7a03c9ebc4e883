// A finite set of items in one tensor in memory.
#pragma once

#include "monge/data/finite.h"

namespace monge::data {

/// What the file of a table holds in addition to its values in float32.
struct TableMetadata {
  torch::Tensor exact = {};                  ///< float64 [N, D], or undefined if float32 holds the values exactly
  io::TableNames names = {};                 ///< of columns and rows
  std::string reading = {};                  ///< how its text was interpreted
  torch::ScalarType type = torch::kFloat32;  ///< see Source::number_type
};

/// Items are the rows of a tensor. uint8 rows are given as float32 in [-1, 1] (v / 127.5 - 1), a quarter of the memory.
class TensorSource : public FiniteSource {
 public:
  /// @param rows  [N, ...], N >= 1, float32 or uint8, on the CPU. It is shared and must not be changed afterwards.
  /// @param names  names of the items, or empty for numbers.
  /// @param table  for items that are the rows of a table.
  /// @throws InputError for another type, no rows, a wrong number of names, or exact values of another shape or type.
  TensorSource(std::string name, torch::Tensor rows, std::vector<std::string> names = {}, TableMetadata table = {});

  std::string name() const override { return name_; }
  std::vector<int64_t> item_shape() const override { return rows_.sizes().slice(1).vec(); }
  int64_t size() const override { return rows_.size(0); }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  torch::Tensor exact_items(const std::vector<int64_t>& indices) const override;
  torch::ScalarType number_type() const override { return table_.type; }
  io::TableNames table_names() const override { return table_.names; }
  std::string item_name(int64_t index) const override;
  OpenReport open_report() const override { return {.left_out = {}, .converted = {}, .reading = table_.reading}; }

  /// All rows in the stored type.
  const torch::Tensor& rows() const { return rows_; }

 private:
  std::string name_;
  torch::Tensor rows_;
  std::vector<std::string> names_;
  TableMetadata table_;
};

}  // namespace monge::data

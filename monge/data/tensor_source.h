// A finite set that lies in memory as one tensor.
#pragma once

#include "monge/data/finite.h"

namespace monge::data {

/// Items are the rows of a tensor. uint8 rows are given as float32 in [-1, 1] (v / 127.5 - 1), a quarter of the memory.
class TensorSource : public FiniteSource {
 public:
  /// @param rows   [N, ...], N >= 1, float32, float64 (given as float32 but by exact_items) or uint8, on the CPU; shared, must not be changed afterwards.
  /// @param names  of the items, or empty for numbers. @throws Error for another type, no rows, or a wrong number of
  /// names.
  TensorSource(std::string name, torch::Tensor rows, std::vector<std::string> names = {});

  std::string name() const override { return name_; }
  std::vector<int64_t> item_shape() const override { return rows_.sizes().slice(1).vec(); }
  int64_t size() const override { return rows_.size(0); }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  torch::Tensor exact_items(const std::vector<int64_t>& indices) const override;
  torch::ScalarType number_type() const override;
  std::string item_name(int64_t index) const override;

  /// All rows as they are stored.
  const torch::Tensor& rows() const { return rows_; }

 private:
  std::string name_;
  torch::Tensor rows_;
  std::vector<std::string> names_;
};

}  // namespace monge::data

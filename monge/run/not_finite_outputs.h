// Outputs that are not finite numbers: they are written, and the user is told.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "monge/data/source.h"

namespace monge::run {

/// Counts outputs of a table that hold NaN or infinite values, piece by piece.
class NotFiniteOutputs {
 public:
  /// @param type  in which the values are written, where one beyond its range becomes infinite; none: as they are
  /// given.
  explicit NotFiniteOutputs(std::optional<torch::ScalarType> type = {}) : type_(type) {}

  /// @param begin  the item of the first outputs; pieces come in the order of the items.
  /// @param outputs  [length, draws, ...].
  void add(int64_t begin, const torch::Tensor& outputs);

  int64_t count() const { return count_; }                 ///< outputs, of several draws an item each
  std::optional<int64_t> first() const { return first_; }  ///< the first item that has one

  /// "1 of 300 outputs is not finite; the first is that of row 17 (counted from 0); look for fill values in the input";
  /// empty where all are finite.
  std::string words(const data::Source& input) const;

 private:
  std::optional<torch::ScalarType> type_;
  int64_t count_ = 0, seen_ = 0;
  std::optional<int64_t> first_;
};

}  // namespace monge::run

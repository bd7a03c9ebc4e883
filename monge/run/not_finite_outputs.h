// Outputs that are not finite numbers. They are written, and the user gets a warning.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "monge/data/source.h"

namespace monge::run {

/// Counts outputs of a table that hold NaN or infinite values, batch by batch.
class NotFiniteOutputs {
 public:
  /// @param type  the type in which values are written, in which a value beyond its range becomes infinite; none if
  ///              they are written as they are.
  explicit NotFiniteOutputs(std::optional<torch::ScalarType> type = {}) : type_(type) {}

  /// @param begin    the item of the first outputs; batches come in the order of the items.
  /// @param outputs  [length, samples per input, ...].
  void add(int64_t begin, const torch::Tensor& outputs);

  int64_t count() const { return count_; }                 ///< outputs; an item may have several
  std::optional<int64_t> first() const { return first_; }  ///< the first item with such an output

  /// "1 of 300 outputs is not finite; the first is that of row 17 (counted from 0); look for fill values in the input";
  /// empty if all are finite.
  std::string warning(const data::Source& input) const;

 private:
  std::optional<torch::ScalarType> type_;
  int64_t count_ = 0, seen_ = 0;
  std::optional<int64_t> first_;
};

}  // namespace monge::run

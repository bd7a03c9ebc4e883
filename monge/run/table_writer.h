// A table of outputs, written as its rows come.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "monge/core/files.h"

namespace monge::run {

/// Writes .npy or .csv piece by piece; little is held in memory. The file appears whole, with finish(), or not at all.
class TableWriter {
 public:
  /// @param items  that will be added: a .npy says it before its data.
  /// @throws SystemError when the file cannot be made.
  TableWriter(std::filesystem::path path, int64_t items);

  /// The outputs of one item, [K, ...item] with the same shape for all items, float32.
  /// @throws Error for a .csv of anything but rows; SystemError when writing fails.
  void add(const torch::Tensor& draws);

  /// Publishes the file: [N, ...item] for one draw an item, [N, K, ...item] for several; a .csv has the N * K rows.
  /// @throws Error when other than `items` items were added.
  void finish();

 private:
  void flush();

  std::filesystem::path path_;
  bool text_;
  int64_t items_, added_ = 0;
  PartFile part_;
  std::string pending_;
  std::vector<int64_t> shape_;  ///< of the first item's outputs
};

}  // namespace monge::run

// The samples of one side of a training, given as a path, a tensor, or a source of the caller's own.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <string>

#include "monge/data/source.h"

namespace monge::session {

/// One side of a training. Converts implicitly, so that a caller may write `Session::train(recipe, "a.csv", tensor)`.
class Samples {
 public:
  /// The recipe's own path.
  Samples() = default;
  /// A folder, archive, table or anything else that source.path takes.
  Samples(std::filesystem::path path) : path_(path.string()) {}  // NOLINT: meant to convert
  Samples(const char* path) : path_(path) {}                     // NOLINT
  Samples(std::string path) : path_(std::move(path)) {}          // NOLINT
  /// Vectors [N, D], or images [N, C, H, W] in [-1, 1] with C = 1 or 3, of real numbers. A contiguous tensor on the CPU
  /// is shared, any other one is copied; float32 and, for images, uint8 (0..255) need no further copy.
  /// @throws InputError for other shapes, for fewer than 2 items, and as data::array_source for the values.
  Samples(torch::Tensor items);  // NOLINT
  /// Any source; must not be null.
  Samples(std::shared_ptr<const data::Source> source) : source_(std::move(source)) {}  // NOLINT

  const std::string& path() const { return path_; }                              ///< empty if there is none
  const std::shared_ptr<const data::Source>& source() const { return source_; }  ///< null if there is none

 private:
  std::string path_;
  std::shared_ptr<const data::Source> source_;
};

}  // namespace monge::session

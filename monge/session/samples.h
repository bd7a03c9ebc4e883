// Samples as a caller has them: a path, a tensor, or a source of one's own.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <string>

#include "monge/data/source.h"

namespace monge::session {

/// One side of a training. Converts from what callers have, so that `Session::train(recipe, "a.csv", tensor)` reads well.
class Samples {
 public:
  /// The recipe's own path.
  Samples() = default;
  /// A folder, archive, table or anything else that source.path takes.
  Samples(std::filesystem::path path) : path_(path.string()) {}  // NOLINT: meant to convert
  Samples(const char* path) : path_(path) {}                     // NOLINT
  Samples(std::string path) : path_(std::move(path)) {}          // NOLINT
  /// Vectors [N, D], or images [N, C, H, W] in [-1, 1] with C = 1 or 3; real numbers. The tensor is shared, not copied.
  /// @throws InputError for other shapes, or for fewer than 2 items.
  Samples(torch::Tensor items);  // NOLINT
  /// Any source; must not be null.
  Samples(std::shared_ptr<const data::Source> source) : source_(std::move(source)) {}  // NOLINT

  const std::string& path() const { return path_; }                              ///< empty where there is none
  const std::shared_ptr<const data::Source>& source() const { return source_; }  ///< null where there is none

 private:
  std::string path_;
  std::shared_ptr<const data::Source> source_;
};

}  // namespace monge::session

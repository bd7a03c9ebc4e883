// The image of the first inputs of a translation and their outputs. Internal to the session.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace monge::session {

class TranslationGrid {
 public:
  /// Adds a cell; cells fill rows from the left. A large image is reduced, and an image of another size than the first
  /// one is fitted into its cell.
  /// @param image_CHW  float in [-1, 1].
  void add(const torch::Tensor& image_CHW);

  /// @throws InputError if there are no cells, or as run::image_grid; SystemError when writing fails.
  void write(const std::filesystem::path& path, int64_t columns) const;

 private:
  std::vector<torch::Tensor> cells_;
};

}  // namespace monge::session

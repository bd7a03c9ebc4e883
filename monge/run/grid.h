// A grid of small images as one image.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace monge::run {

struct GridOptions {
  int64_t columns = 8;       ///< cells in a row; 1..4096.
  int64_t padding = 2;       ///< pixels between the cells and around them; 0..256.
  int64_t scale = 1;         ///< each pixel becomes scale x scale pixels; 1..64.
  uint8_t background = 255;  ///< grey value of the padding and of empty cells.
};

/// Lays images out in rows, from the left.
/// @param cells  float images [C,H,W] in [-1,1] (values beyond are clamped, NaN becomes black), C = 1 or 3, all of one
///               shape. An undefined tensor leaves its cell empty.
/// @return       uint8 [H',W',3] RGB on the CPU.
/// @throws InputError for no image, other shapes, an option out of its range, or more than 2^28 pixels.
torch::Tensor image_grid(const std::vector<torch::Tensor>& cells, const GridOptions& options = {});

}  // namespace monge::run

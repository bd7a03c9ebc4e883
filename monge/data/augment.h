// Images mirrored and shifted at random.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace monge::data {

/// What is done to each image of a batch. Drawn by the sampler, applied where the batch lies.
struct Augmentation {
  torch::Tensor mirrored_B;  ///< bool [B], on the CPU: left to right; undefined: none is
  torch::Tensor
      shift_B2;  ///< int64 [B, 2], on the CPU: rows and columns by which the window moves; undefined: none does

  bool nothing() const { return !mirrored_B.defined() && !shift_B2.defined(); }
};

/// out[y, x] = in[r(y + dy), r(x + dx)] of the image, mirrored first where it is to be; r reflects at the edges,
/// without repeating them, as a crop at random out of the image padded by its reflection does. On a CPU in this thread
/// alone.
/// @param images_BCHW  uint8 or float, any layout; sides larger than the shifts. @return the same type and layout, a
/// new tensor.
torch::Tensor augmented(const torch::Tensor& images_BCHW, const Augmentation& augmentation);

}  // namespace monge::data

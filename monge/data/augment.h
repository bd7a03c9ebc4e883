// Random mirroring and shifting of images.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace monge::data {

/// The augmentation of each image of a batch. The sampler draws it; it is applied on the device of the batch.
struct Augmentation {
  torch::Tensor mirrored_B;  ///< bool [B], on the CPU: mirrored left to right; undefined: no image is
  /// int64 [B, 2], on the CPU: rows and columns by which the window of each image moves; undefined: none moves.
  torch::Tensor shift_B2;

  bool nothing() const { return !mirrored_B.defined() && !shift_B2.defined(); }
};

/// out[y, x] = in[r(y + dy), r(x + dx)], where `in` is mirrored first if mirrored_B says so. r reflects at the edges
/// without repeating them, like a random crop of the image padded by its reflection. On a CPU it runs in the calling
/// thread alone.
/// @param images_BCHW  uint8 or float, any layout; sides larger than the shifts.
/// @return a new tensor of the same type and layout.
torch::Tensor augmented(const torch::Tensor& images_BCHW, const Augmentation& augmentation);

}  // namespace monge::data

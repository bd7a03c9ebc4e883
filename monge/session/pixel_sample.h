// Samples of the colours of an image.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace monge::session {

/// Colours of `count` pixels that are spread over the image: the k-th one is a random pixel of the k-th of `count`
/// equal parts of the image. Neighbouring pixels are alike, so such a sample differs less from the image than `count`
/// independent pixels would, and each pixel is still drawn with equal probability.
///
/// A pixel is drawn in proportion to its alpha, so transparent pixels are never drawn. Grey becomes RGB. If the image
/// has fewer than `count` pixels, they are drawn repeatedly.
/// @param image_HWC  uint8 or uint16, C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA; at least one pixel.
/// @param generator  on the CPU.
/// @return float32 [count, 3] in [-1, 1]; [0, 3] if every pixel is transparent.
torch::Tensor sample_pixels(const torch::Tensor& image_HWC, int64_t count, torch::Generator generator);

/// Whether any pixel is not opaque. @param image_HWC  as above.
bool has_transparency(const torch::Tensor& image_HWC);

}  // namespace monge::session

// A feature distance for images that needs no weight file.
#pragma once

#include <torch/types.h>

namespace monge::eval {

/// What a fixed convolutional net with random weights sees of images: at three scales, the mean and the standard
/// deviation of 32 filters each over the whole image and, for the place of things, the means of a 4 x 4 grid of the
/// image itself. Unlike single pixels these tell textures, edges and colours apart; unlike trained features they know
/// nothing of objects. The net is the same in every run and on every machine (up to rounding), so figures compare.
/// @param images  [N, C, H, W], N >= 1, in [-1, 1], values beyond are clamped; H and W at least 8.
/// @return        [N, F] float32 on the CPU, F = 192 + 16 C.
/// @throws InputError for other shapes, or no images.
torch::Tensor random_features(const torch::Tensor& images);

}  // namespace monge::eval

// Features of images that need no weight file.
#pragma once

#include <torch/types.h>

#include "monge/eval/evaluation_progress.h"

namespace monge::eval {

/// Features of a fixed convolutional net with random weights: at three scales, the mean and the standard deviation over
/// the image of 32 filters each; besides, for the position of things, the means of a 4 x 4 grid of the image itself.
/// Unlike single pixels these distinguish textures, edges and colours; unlike trained features they know nothing of
/// objects. The net is the same in every run and on every machine (up to rounding), so metrics compare.
/// @param images  [N, C, H, W], N >= 1, in [-1, 1] (values beyond are clamped); H and W at least 8.
/// @param between_blocks  may be empty.
/// @return        [N, F] float32 on the CPU, F = 192 + 16 C.
/// @throws InputError for other shapes, or no images.
torch::Tensor random_features(const torch::Tensor& images, const BetweenBlocks& between_blocks = {});

}  // namespace monge::eval

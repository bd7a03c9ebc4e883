// How colourful people find images; it falls when a map washes colours out.
#pragma once

#include <torch/types.h>

namespace monge::eval {

/// Colourfulness of Hasler and Suesstrunk 2003, averaged over images: 0 for grey, about 109 for very colourful ones.
///
///     sqrt(var(rg) + var(yb)) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2),   rg = R - G,   yb = (R + G) / 2 - B
///
/// over an image's pixels in 0..255.
/// @param images  [B, 3, H, W] RGB in [-1, 1]; values beyond are clamped.
/// @throws InputError for other shapes.
double colourfulness(const torch::Tensor& images);

}  // namespace monge::eval

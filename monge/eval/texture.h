// Grain and blur: how much of the finest detail an image holds, of outputs against target samples.
#pragma once

#include <torch/types.h>

#include <limits>

namespace monge::eval {

/// Outputs with more than this many times the fine detail of the target show grain or a checkerboard to the eye.
inline constexpr double kGrainFrom = 1.5;

/// Energy in the highest quarter of the frequency band, per image: the mean over images of
///
///     sum over |DFT p(kx, ky)|^2 with max(|kx|, |ky|) >= 3/8 cycles per pixel, divided by (H W)^2
///
/// so that the sum over all frequencies but (0, 0) would be the variance of p over its pixels (Parseval).
struct FineDetail {
  double luma = 0;    ///< p is 0.299 R + 0.587 G + 0.114 B, or the only channel
  double chroma = 0;  ///< the sum over p = R - luma, G - luma and B - luma; 0 for images of one channel
};

/// The fine detail of images. An image of one pixel has none.
/// @param images  [B, C, H, W] in [-1, 1], C = 1 or 3, of any device and any H and W >= 1; computed in float32 in
///                batches, so that it needs little memory of its own.
/// @throws InputError for other shapes.
FineDetail fine_detail(const torch::Tensor& images);

/// The fine detail of outputs divided by that of target samples. 1 is right, below 1 is blur, above is grain.
struct Texture {
  double luma = std::numeric_limits<double>::quiet_NaN();
  double chroma = std::numeric_limits<double>::quiet_NaN();
};

/// A quotient is NaN where the target has no such detail: less than a root mean square of 0.001 levels of 8 bits, such
/// as the rounding of the luma of grey images. Images that were rounded to 8 bits and are not flat have 0.2 levels.
/// @param outputs, target  [B, C, H, W] and [M, C, H, W]. @throws InputError as fine_detail().
Texture texture(const torch::Tensor& outputs, const torch::Tensor& target);

}  // namespace monge::eval

// Distances between paired images, pixel by pixel: for maps whose right outputs are known.
#pragma once

#include <torch/types.h>

#include "monge/eval/image_range.h"

namespace monge::eval {

/// Mean over channels and pixels of (a - b)^2, values in [-1, 1]: 0..4.
/// @return  [N] float64 on the CPU, as the next two. @throws InputError unless a and b hold equally many of one size.
torch::Tensor mean_squared_error(const SignedImages& a, const SignedImages& b);

/// Peak signal-to-noise ratio in decibels, 10 log10(4 / MSE): the range [-1, 1] is 2 wide. Infinite for equal images.
torch::Tensor peak_signal_to_noise(const SignedImages& a, const SignedImages& b);

/// The side of the window of SSIM, in pixels; smaller images have none.
inline constexpr int64_t kSsimSide = 11;

/// Structural similarity, 1 for equal images, in float64. Wang, Bovik, Sheikh and Simoncelli 2004:
///
///     (2 ma mb + C1) (2 sab + C2) / ((ma^2 + mb^2 + C1) (sa^2 + sb^2 + C2)),  C1 = (0.01 L)^2, C2 = (0.03 L)^2, L = 2
///
/// with means m, variances s^2 and the covariance sab under a Gaussian window of 11 x 11 pixels, sigma 1.5, weights
/// summing to 1 (no correction for sample size); averaged over the windows that lie wholly inside the image
/// ('valid'), then over the three channels. No conversion to grey, no shrinking of large images. Equals
/// scikit-image's structural_similarity with gaussian_weights, sigma = 1.5, use_sample_covariance = False and
/// data_range = 2.
/// @throws InputError as above, or for images of fewer than 11 pixels a side.
torch::Tensor structural_similarity(const SignedImages& a, const SignedImages& b);

}  // namespace monge::eval

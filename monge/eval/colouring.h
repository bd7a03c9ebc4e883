// What a map that colours grey images should leave as it is: a white background, and light and dark.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace monge::eval {

/// An image has a white background if more pixels than this are white: all channels above 0.97, which is 0.985 on a
/// scale from 0 to 1.
inline constexpr int64_t kWhitePixels = 20;

/// Whether images have three channels that are alike: they differ nowhere by more than 1.5 levels of 8 bits, since
/// lossy formats round.
/// @param images  [B, C, H, W] in [-1, 1].
bool are_grey(const torch::Tensor& images);

/// Whether any of the images has a white background. @param images  [B, C, H, W] in [-1, 1].
bool any_white_background(const torch::Tensor& images);

/// How far outputs are from white where the input is white: the mean absolute deviation over these pixels and channels,
/// averaged over the images with a white background, in levels of 8 bits (0 to 255). NaN if there is no such image.
/// @param input   [B, 3, H, W] in [-1, 1].
/// @param output  [B, K, 3, H, W] in [-1, 1], K outputs for each input.
/// @throws InputError for other shapes.
double background_shift(const torch::Tensor& input, const torch::Tensor& output);

/// Sums that give a background shift, so that batches and ranks can be added.
struct BackgroundSums {
  double shift = 0;   ///< over images with a white background: of the mean absolute deviation from white, in levels
  double images = 0;  ///< how many these are

  /// In levels of 8 bits; NaN without images.
  double mean() const;
};

/// As background_shift(), but over the pixels that are white in the input and in the right output as well. So areas
/// that a map should colour do not count, such as the inside of a line drawing.
/// @param right  [B, 3, H, W] in [-1, 1].
BackgroundSums background_sums(const torch::Tensor& input, const torch::Tensor& output, const torch::Tensor& right);

/// How far the luma 0.299 R + 0.587 G + 0.114 B of outputs is from that of their input: the mean absolute difference in
/// levels of 8 bits (0 to 255). Arguments and errors as for background_shift().
double luma_shift(const torch::Tensor& input, const torch::Tensor& output);

}  // namespace monge::eval

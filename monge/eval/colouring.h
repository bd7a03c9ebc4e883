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

/// How far the luma 0.299 R + 0.587 G + 0.114 B of outputs is from that of their input: the mean absolute difference in
/// levels of 8 bits (0 to 255). Arguments and errors as for background_shift().
double luma_shift(const torch::Tensor& input, const torch::Tensor& output);

}  // namespace monge::eval

// What the nets of images share: convolutions that keep the size, and halvings.
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include "monge/core/image_size.h"

namespace monge::nn {

/// A convolution that keeps height and width. @param kernel  its side, odd.
torch::nn::Conv2d make_convolution(int64_t in, int64_t out, int64_t kernel);

/// Applies such a layer. @param fused  use our own pass where there is one (nn/ops/convolution.h).
torch::Tensor convolve(const torch::nn::Conv2d& layer, const torch::Tensor& x, bool fused);

/// (a + b) / sqrt(2), which keeps the variance of two independent branches.
torch::Tensor mean_branch(const torch::Tensor& a, const torch::Tensor& b);

/// Halves both sides by the mean of 2 x 2 pixels; an odd side is rounded up. @param x  [B, C, H, W].
torch::Tensor halve(const torch::Tensor& x);

/// The number of times that halving, rounded down, takes the shorter side to below 8 pixels.
int64_t halvings(ImageSize size);

/// The size after that many halvings, each rounded up.
ImageSize size_after(ImageSize size, int64_t halvings);

}  // namespace monge::nn

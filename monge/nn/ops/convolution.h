// The convolutions of the image networks.
#pragma once

#include <torch/types.h>

namespace monge::nn {

/// torch::conv2d(x, weight, bias) with stride 1 and half the kernel as padding, differentiable as often as one likes.
///
/// 3 x 3 kernels on channels-last float32 images on a CPU go through Winograd's F(4 x 4, 3 x 3) or F(2 x 2, 3 x 3)
/// where that is expected to be faster (winograd.h): values and gradients are then within 5e-6 of the exact ones' norm,
/// about twice as far as a direct convolution's, and channels-last. Everything else is torch::conv2d itself. Gradients
/// that nobody asked for are not computed; those that are to be differentiated again are made by LibTorch's operators.
///
/// @param x       [B, in, H, W].
/// @param weight  [out, in, k, k], k odd.
/// @param bias    [out], or undefined.
torch::Tensor convolution(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace monge::nn

// The convolutions of the image networks.
#pragma once

#include <torch/types.h>

namespace monge::nn {

/// torch::conv2d(x, weight, bias) with stride 1 and half the kernel as padding, differentiable any number of times.
///
/// For 3 x 3 kernels and channels-last float32 images on a CPU it uses Winograd's F(4 x 4, 3 x 3) or F(2 x 2, 3 x 3) if
/// that is expected to be faster (winograd.h). Values and gradients are then channels-last and have an error of at most
/// 5e-6 of the exact ones' norm, about twice that of a direct convolution. Everything else is torch::conv2d itself.
/// Gradients that autograd does not need are not computed. LibTorch's operators compute those that will be
/// differentiated again.
///
/// @param x       [B, in, H, W].
/// @param weight  [out, in, k, k], k odd.
/// @param bias    [out], or undefined.
torch::Tensor convolution(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace monge::nn

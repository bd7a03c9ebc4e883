// The convolution of the feature nets, whose figures must not depend on the process's settings.
#pragma once

#include <torch/types.h>

namespace monge::eval {

/// torch::conv2d, but in full float32 and with a deterministic algorithm on a GPU too: LibTorch allows cuDNN to round
/// to TF32 unless a global says otherwise, which moves features by 1e-3.
inline torch::Tensor exact_conv2d(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                                  at::IntArrayRef stride, at::IntArrayRef padding) {
  return at::_convolution(x, weight, bias, stride, padding, /*dilation=*/{1, 1}, /*transposed=*/false,
                          /*output_padding=*/{0, 0}, /*groups=*/1, /*benchmark=*/false, /*deterministic=*/true,
                          /*cudnn_enabled=*/true, /*allow_tf32=*/false);
}

}  // namespace monge::eval

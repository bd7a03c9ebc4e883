// The convolution of the feature nets, whose results must not depend on settings of the process.
#pragma once

#include <torch/types.h>

namespace monge::eval {

/// torch::conv2d in full float32 and with a deterministic algorithm, on a GPU too. Without a global setting to the
/// contrary LibTorch lets cuDNN round to TF32, which changes features by 1e-3.
inline torch::Tensor exact_conv2d(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                                  at::IntArrayRef stride, at::IntArrayRef padding) {
  return at::_convolution(x, weight, bias, stride, padding, /*dilation=*/{1, 1}, /*transposed=*/false,
                          /*output_padding=*/{0, 0}, /*groups=*/1, /*benchmark=*/false, /*deterministic=*/true,
                          /*cudnn_enabled=*/true, /*allow_tf32=*/false);
}

}  // namespace monge::eval

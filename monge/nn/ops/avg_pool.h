// The average pooling between the levels of the residual potential.
#pragma once

#include <torch/types.h>

namespace monge::nn::ops {

/// Means over 3 x 3 pixels, stride 2, with a border of one zero that counts: torch::avg_pool2d(x, 3, 2, 1).
/// @param x  [B, C, H, W]. @return [B, C, (H + 1) / 2, (W + 1) / 2].
torch::Tensor plain_avg_pool(const torch::Tensor& x);

/// The same with the border laid around x first.
torch::Tensor framed_avg_pool(const torch::Tensor& x);

/// The same within rounding, for channels_last in float32, on a GPU also in bfloat16. Backward every pixel collects
/// from its one to four windows. Can be differentiated twice.
torch::Tensor avg_pool(const torch::Tensor& x);

}  // namespace monge::nn::ops

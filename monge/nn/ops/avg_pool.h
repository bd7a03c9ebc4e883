// The average pooling between the levels of the residual potential.
#pragma once

#include <torch/types.h>

namespace monge::nn::ops {

/// The reference implementation: torch::avg_pool2d(x, 3, 2, 1), means over 3 x 3 pixels with stride 2, including a
/// border of one zero.
/// @param x  [B, C, H, W]. @return [B, C, (H + 1) / 2, (W + 1) / 2].
torch::Tensor reference_avg_pool(const torch::Tensor& x);

/// The same, with the border added to x in a separate step.
torch::Tensor padded_avg_pool(const torch::Tensor& x);

/// The same within rounding, fused for channels_last in float32, on a GPU also in bfloat16; else the reference
/// implementation. In the backward pass every pixel collects from its one to four windows. Can be differentiated twice.
torch::Tensor avg_pool(const torch::Tensor& x);

}  // namespace monge::nn::ops

// The end of a residual block.
#pragma once

#include <torch/types.h>

namespace monge::nn::ops {

/// lrelu(shortcut + ratio * dx), x for x > 0 and slope * x below.
/// @param shortcut, dx  one shape and type. @param slope  > 0.
torch::Tensor plain_leaky_residual(const torch::Tensor& shortcut, const torch::Tensor& dx, double ratio, double slope);

/// The same within rounding in one pass, and one backward: for dense tensors of one layout in float32, on a GPU also in
/// bfloat16. Can be differentiated twice.
///
/// `dx` is given away: the output takes its memory where it can, so it must be a tensor that nobody else reads and that
/// its own backward pass does not need, as a convolution's output.
torch::Tensor leaky_residual(const torch::Tensor& shortcut, torch::Tensor dx, double ratio, double slope);

}  // namespace monge::nn::ops

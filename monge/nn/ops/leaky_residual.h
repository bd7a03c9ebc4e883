// The end of a residual block.
#pragma once

#include <torch/types.h>

namespace monge::nn::ops {

/// The reference implementation: lrelu(shortcut + ratio * dx), where lrelu(x) is x for x > 0 and slope * x below.
/// @param shortcut, dx  of the same shape and type. @param slope  > 0.
torch::Tensor reference_leaky_residual(const torch::Tensor& shortcut, const torch::Tensor& dx, double ratio,
                                       double slope);

/// The same within rounding, in one pass forward and one backward. It is fused for dense tensors of one layout in
/// float32, on a GPU also in bfloat16; else the reference implementation runs. Can be differentiated twice.
///
/// The operator may overwrite `dx` with the output. So nobody else may read `dx`, and its own backward pass must not
/// need it; the output of a convolution is such a tensor.
torch::Tensor leaky_residual(const torch::Tensor& shortcut, torch::Tensor dx, double ratio, double slope);

}  // namespace monge::nn::ops

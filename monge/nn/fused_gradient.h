// A scalar chain with its gradient in the input as one node of the graph, with a hand-written derivative in the
// weights: what a training with gradient maps T(x) = x - grad g(x) / (2 tau) computes at each point.
#pragma once

#include <torch/types.h>

#include "monge/nn/fused_mlp.h"
#include "monge/nn/module.h"

namespace monge::nn {

/// chain(x) and grad_x chain(x) by LibTorch's operators: for any type and device, without a graph inside, so that it
/// also works where none can be recorded; differentiable in x and in the parameters.
/// @param chain  to one number.
ValueAndGradient reference_value_and_gradient(const torch::Tensor& x_BI, const Chain& chain);

/// The same within rounding (1e-5 relative, derivatives too), for float32 on a CPU. Other inputs go to the reference.
///
/// With hidden values h, slopes s = act', and d(l) = (d(l+1) W(l+1)) s(l) the gradient is d(1) W(1). For derivatives
/// w_B and V_BI of the loss in the two outputs, the derivative in the weights is that of sum_b w_b chain(x_b) + d/de
/// chain(x_b + e V_b): a forward pass of V, then one backward pass for both terms; without V the d(l) of the forward
/// pass are enough. Blocks of rows go through all layers while they are in the cache.
ValueAndGradient fused_value_and_gradient(const torch::Tensor& x_BI, const Chain& chain);

}  // namespace monge::nn

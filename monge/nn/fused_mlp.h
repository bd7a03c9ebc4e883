// A chain of linear layers as one node of the graph, with its backward pass written by hand: for small nets on a CPU
// autograd spends more time on its nodes and on passes over memory than on matrix products.
#pragma once

#include <torch/types.h>

#include <vector>

#include "monge/nn/activation.h"

namespace monge::nn {

/// linear, activation, ..., linear.
struct Chain {
  std::vector<torch::Tensor> weights;  ///< [out, in] each, at least one
  std::vector<torch::Tensor> biases;   ///< [out] each
  Activation activation = Activation::silu;
};

/// The chain by LibTorch's operators: any type and device, differentiable as often as one likes.
torch::Tensor plain_chain(const torch::Tensor& x_BI, const Chain& chain);

/// The same within rounding (1e-5 relative, gradients too), for float32 on a CPU; what it cannot take goes to
/// plain_chain.
///
/// Each thread carries blocks of its rows through all layers, so that they stay in its cache; bias, activation and
/// derivative are one pass; gradients of weights or of the input that nobody asked for are not computed. A chain to one
/// number whose weights want no gradient (a potential in an update of the map) finds its gradient in the forward pass
/// and keeps nothing else. A gradient that is to be differentiated again (create_graph, for R1) is made by plain_chain.
torch::Tensor fused_chain(const torch::Tensor& x_BI, const Chain& chain);

}  // namespace monge::nn

// A chain of linear layers as one node of the graph, with a hand-written backward pass. For small nets on a CPU
// autograd spends more time on its nodes and on passes over memory than on matrix products.
#pragma once

#include <torch/types.h>

#include <vector>

#include "monge/nn/activation.h"

namespace monge::nn {

/// The layers linear, activation, ..., linear.
struct Chain {
  std::vector<torch::Tensor> weights;  ///< [out, in] each, at least one
  std::vector<torch::Tensor> biases;   ///< [out] each
  Activation activation = Activation::silu;
};

/// The chain by LibTorch's operators: for any type and device, differentiable any number of times.
torch::Tensor reference_chain(const torch::Tensor& x_BI, const Chain& chain);

/// The same within rounding (1e-5 relative, gradients too), for float32 on a CPU. Other inputs go to reference_chain.
///
/// Each thread carries blocks of its rows through all layers, so that they remain in its cache. Bias, activation and
/// derivative are one pass. Gradients that autograd does not need are not computed. If the output is one number and the
/// weights need no gradient (a potential in an update of the map), the forward pass computes the gradient of the input
/// and stores nothing else. Gradients that are differentiated again (create_graph, for R1) come from reference_chain.
torch::Tensor fused_chain(const torch::Tensor& x_BI, const Chain& chain);

}  // namespace monge::nn

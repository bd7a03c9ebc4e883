// Batch normalisation and ReLU as one operator.
#pragma once

#include <torch/types.h>

namespace monge::nn::ops {

/// The state of a batch norm of C channels. The tensors are [C] and belong to a module.
struct BatchNorm {
  torch::Tensor weight, bias;
  torch::Tensor running_mean, running_variance;  ///< updated in the forward pass if `training`
  bool training = true;                          ///< use batch statistics; else the running ones
  double momentum = 0.1, eps = 1e-5;
  /// [C], the bias of a convolution that is not yet added: the input is x + shift. Normalisation by batch statistics
  /// removes it, so the fused operator does not add it then. Its gradient is then mere rounding, and zero here.
  torch::Tensor shift = {};
};

/// The reference implementation: torch::batch_norm, then torch::relu.
///
///     y = max(0, (x - m) / sqrt(v + eps) * weight + bias)
///
/// m and v are the mean and the biased variance over all pixels of a channel in the batch (the running variance takes
/// the unbiased one), or the running statistics. Ioffe and Szegedy 2015.
/// @param x  [B, C, H, W].
/// @return   the same shape and type.
/// @throws InputError in training if a channel has only one value.
torch::Tensor reference_batch_norm_relu(const torch::Tensor& x, const BatchNorm& norm);

/// The same within rounding (1e-5 relative in float32, 1e-3 in bfloat16), in two passes over memory forward and two
/// backward. It is fused for channels_last in float32, on a GPU also in bfloat16 with float32 statistics and
/// parameters; anything else goes to the reference implementation. The backward pass recomputes ReLU's mask from x, so
/// that only x is stored.
torch::Tensor batch_norm_relu(const torch::Tensor& x, const BatchNorm& norm);

}  // namespace monge::nn::ops

// Batch normalisation and ReLU as one operator.
#pragma once

#include <torch/types.h>

namespace monge::nn::ops {

/// What a batch norm of C channels consists of; the tensors are [C] of the module that owns them.
struct BatchNorm {
  torch::Tensor weight, bias;
  torch::Tensor running_mean, running_variance;  ///< moved in the forward pass when `training`
  bool training = true;                          ///< batch statistics; else the running ones
  double momentum = 0.1, eps = 1e-5;
  /// [C] that x still lacks, the bias of a convolution: x + shift is meant. Batch statistics take it out again, so that
  /// it is not added where it does not matter. Its gradient there is nothing but rounding, and is zero here.
  torch::Tensor shift = {};
};

///     y = max(0, (x - m) / sqrt(v + eps) * weight + bias)
///
/// m, v over all pixels of a channel: mean and biased variance of the batch (the running variance takes the unbiased
/// one), or the running ones. Ioffe and Szegedy 2015; exactly torch::batch_norm, then torch::relu.
/// @param x  [B, C, H, W]. @return the same shape and type. @throws InputError in training on one value a channel.
torch::Tensor plain_batch_norm_relu(const torch::Tensor& x, const BatchNorm& norm);

/// The same within rounding (1e-5 relative in float32, 1e-3 in bfloat16), in two passes over memory forward and two
/// backward: for channels_last in float32, on a GPU also in bfloat16 with float32 statistics and parameters. Anything
/// else goes to the plain form. ReLU's mask is found again from x, so only x is kept for the backward pass.
torch::Tensor batch_norm_relu(const torch::Tensor& x, const BatchNorm& norm);

}  // namespace monge::nn::ops

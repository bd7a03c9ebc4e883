// Batch norm over a batch whose parts are on several ranks.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

namespace monge::nn {

/// The all-reduce of a job's ranks.
struct RankSums {
  int64_t ranks = 1;
  std::function<void(const torch::Tensor& values)> sum;  ///< in place, over all ranks; the host waits for no GPU
};

/// Batch norm in training mode, then ReLU, with the mean and variance over the parts of all ranks, which have equal
/// sizes. Running statistics are updated as BatchNorm2d does. The forward pass makes two sums over the ranks of C
/// numbers, the backward pass one of 2 C. The gradients of weight and bias are those of this rank's loss alone. Cannot
/// be differentiated twice.
/// @param x     [B, C, H, W], this rank's part.
/// @param sums  must outlive the graph.
/// @throws InputError if a channel has only one value.
torch::Tensor synchronised_batch_norm_relu(const torch::Tensor& x, const torch::Tensor& weight,
                                           const torch::Tensor& bias, const torch::Tensor& running_mean,
                                           const torch::Tensor& running_variance, double momentum, double eps,
                                           const RankSums& sums);

}  // namespace monge::nn

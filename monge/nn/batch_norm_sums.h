// Batch norm over the parts of a batch that several ranks have.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

namespace monge::nn {

/// How the ranks of a job add numbers.
struct RankSums {
  int64_t ranks = 1;
  std::function<void(const torch::Tensor& values)> sum;  ///< in place, over all ranks; waits for no GPU
};

/// Batch norm in training, then ReLU, with mean and variance of all ranks' parts, which are of equal sizes; running
/// statistics as BatchNorm2d updates them. Two sums over ranks of C numbers forward, one of 2 C backward; the gradient
/// of weight and bias is this rank's part of it. Not to be differentiated twice.
/// @param sums  outlives the graph.
/// @param x  [B, C, H, W], this rank's part. @throws InputError where a channel has one value alone.
torch::Tensor synchronised_batch_norm_relu(const torch::Tensor& x, const torch::Tensor& weight,
                                           const torch::Tensor& bias, const torch::Tensor& running_mean,
                                           const torch::Tensor& running_variance, double momentum, double eps,
                                           const RankSums& sums);

}  // namespace monge::nn

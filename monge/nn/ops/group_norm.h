// Group normalisation, a scale and shift for each sample, and an activation as one operator.
#pragma once

#include <torch/types.h>

namespace monge::nn::ops {

enum class NormActivation { relu, silu };

/// The parameters of a group norm of C channels.
struct GroupNorm {
  int64_t groups = 1;                    ///< a divisor of C
  torch::Tensor weight, bias;            ///< [C]
  torch::Tensor scale_BC{}, shift_BC{};  ///< the modulation of each sample, [B, C]; both undefined: none
  NormActivation activation = NormActivation::silu;
  double eps = 1e-5;
};

/// The reference implementation, by LibTorch's group_norm.
///
///     y = act(((x - m) / sqrt(v + eps) * weight + bias) * (1 + scale) + shift)
///
/// m and v are the mean and the biased variance over the pixels and channels of a group of one sample. Wu and He 2018;
/// the modulation is that of Dhariwal and Nichol 2021 (adaptive group norm).
/// @param x  [B, C, H, W].
/// @return   the same shape, type and memory format.
/// @throws InputError unless x is [B, C, H, W] with C a multiple of the groups, and scale and shift are both given.
torch::Tensor reference_group_norm(const torch::Tensor& x, const GroupNorm& norm);

/// The same within rounding (1e-5 relative in float32), in two passes over memory forward and two backward. It is fused
/// for channels_last in float32, on a GPU also in bfloat16, with weight and bias in float32 and scale and shift in
/// float32 or the type of x; anything else goes to the reference implementation. Statistics and the affine map are
/// float32. The backward pass recomputes the activation from x, so that only x is stored. Results do not depend on
/// timing.
torch::Tensor group_norm(const torch::Tensor& x, const GroupNorm& norm);

/// The largest number of groups up to `most` that divides the channels.
int64_t group_count(int64_t channels, int64_t most = 8);

}  // namespace monge::nn::ops

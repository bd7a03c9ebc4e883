// The squared distance of a batch's items: the transport cost of a deterministic map.
#pragma once

#include <torch/types.h>

namespace monge::nn::ops {

///     tau * sum (x - y)^2      over the entries of an item
///
/// @param x, y  [B, ...] of one shape. @return [B], in float32 (float64 for float64).
torch::Tensor plain_squared_distance(const torch::Tensor& x, const torch::Tensor& y, double tau);

/// The same within rounding on a GPU, in one pass that reads both in float32 or bfloat16 and adds in float32 and always
/// in one order; x may be contiguous beside a channels_last y. Backward one pass too; can be differentiated twice.
///
/// A CPU takes the plain form: it reads the images alone, and needs 0.09 ms for a batch of 16 at 64 pixels on two
/// threads (bench/operators.cpp), of seconds in the nets.
torch::Tensor squared_distance(const torch::Tensor& x, const torch::Tensor& y, double tau);

}  // namespace monge::nn::ops

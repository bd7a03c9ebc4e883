// The way up of a U-shaped net: the lower level enlarged, behind the skip.
#pragma once

#include <torch/types.h>

namespace monge::nn::ops {

/// cat([skip, up], 1) with up the bilinear enlargement of `low` with aligned corners to twice its size, though never
/// beyond the skip's, and with zeros around it where the skip is larger (as many above as below, one more below if
/// odd).
/// @param skip  [B, C, H, W]. @param low  [B, D, h, w].
/// @return      [B, C + D, H, W].
torch::Tensor plain_upsample_concat(const torch::Tensor& skip, const torch::Tensor& low);

/// The same within rounding, written once: for channels_last in float32, on a GPU also in bfloat16, both of one type.
/// Backward, low collects from the pixels that looked at it (no two threads add, so results do not depend on timing)
/// and the skip's gradient is a slice.
torch::Tensor upsample_concat(const torch::Tensor& skip, const torch::Tensor& low);

}  // namespace monge::nn::ops

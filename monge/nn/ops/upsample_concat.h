// The way up of a U-Net: the lower level is enlarged and concatenated after the skip.
#pragma once

#include <torch/types.h>

namespace monge::nn::ops {

/// The reference implementation: cat([skip, up], 1). Here `up` is the bilinear enlargement of `low`, with aligned
/// corners, to twice its size but at most that of the skip. If the skip is larger, zeros surround it: as many above as
/// below, one more below if the number is odd; left and right likewise.
/// @param skip  [B, C, H, W]. @param low  [B, D, h, w].
/// @return      [B, C + D, H, W].
torch::Tensor reference_upsample_concat(const torch::Tensor& skip, const torch::Tensor& low);

/// The same within rounding, in one pass. It is fused for channels_last in float32, on a GPU also in bfloat16, both
/// inputs of one type; else the reference implementation runs. In the backward pass each pixel of `low` collects from
/// the output pixels that read it, so that no two threads add to one value and results do not depend on timing. The
/// skip's gradient is a slice.
torch::Tensor upsample_concat(const torch::Tensor& skip, const torch::Tensor& low);

}  // namespace monge::nn::ops

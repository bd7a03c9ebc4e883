// Antialiased resizing that equals Pillow's bit for bit, because published image sets, FID and LPIPS values were made
// with Pillow.
#pragma once

#include <torch/types.h>

#include <string>

#include "monge/io/taps.h"

namespace monge::io {

/// The filter of this name. @throws InputError listing the filters, with the nearest, for another name.
Filter filter_named(const std::string& name);

/// The axis that is resized first. The order matters because the image between the passes is rounded to 8 bits.
enum class PassOrder {
  pillow13,  ///< vertical first if the height shrinks by more than twice as much as the width, else horizontal
  pillow11,  ///< always horizontal first: Pillow up to 11.3, with which most published sets were made
};

/// Resizes as Pillow's Image.resize: when shrinking, the kernel is stretched over the source (antialiasing).
///
/// Per axis, scale = in/out, s = max(scale, 1), output i is sum_j k((j - c + 0.5) / s) v_j, c = (i + 0.5) scale, over
/// the pixels within the kernel's support, divided by the sum of weights. Weights are integers of 1/2^22; each pass
/// rounds and clips to 8 bits. With alpha (C = 2 or 4) colours are multiplied by alpha before and divided after.
///
/// @param image_HWC  uint8 [H, W, C], C = 1..4, on the CPU.
/// @param height, width  in [1, 65536].
/// @return uint8 [height, width, C]; the input itself when the size is the same. Runs only in the calling thread.
/// @throws InputError for another shape, type or size.
torch::Tensor resize_uint8(const torch::Tensor& image_HWC, int64_t height, int64_t width, Filter filter,
                           PassOrder order = PassOrder::pillow13);

/// resize_uint8 for RGB pixels in buffers of the caller. It allocates nothing beyond buffers that the thread keeps.
/// @param from  [from_height, from_width, 3]. @param to  [height, width, 3], not overlapping `from`. All sizes must be
///     in [1, 65536]; they are not checked.
void resize_rgb(const uint8_t* from, int64_t from_height, int64_t from_width, uint8_t* to, int64_t height,
                int64_t width, Filter filter, PassOrder order = PassOrder::pillow13);

/// The same for floats, as Pillow's mode F for each channel (the method of clean-fid): sums in double, float32 between
/// the passes, no rounding, no clipping, and no special treatment of alpha.
/// @param image_HWC  float32 [H, W, C], any C >= 1.
/// @return float32 [height, width, C].
torch::Tensor resize_float(const torch::Tensor& image_HWC, int64_t height, int64_t width, Filter filter,
                           PassOrder order = PassOrder::pillow13);

}  // namespace monge::io

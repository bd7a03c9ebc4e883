// EXIF orientation: a tag beside the pixels that says how the camera was held.
#pragma once

#include <torch/types.h>

#include <string_view>

namespace monge::io {

/// The orientation of an EXIF block, 1..8; 1 if it has none, has another value, or is damaged.
///
/// Only the first directory (IFD0) is read; the second belongs to the thumbnail. Of several entries the last one is
/// used, as in Pillow.
/// @param block  starts with "II" or "MM", with or without "Exif\0\0" before it. Nothing outside it is read, whatever
///     it holds.
int exif_orientation(std::string_view block);

/// The upright image: equal to Pillow's ImageOps.exif_transpose. Uses plain loops.
/// @param image_HWC    uint8 or uint16 [H, W, 1..4], contiguous.
/// @param orientation  1..8; 5 to 8 exchange height and width.
/// @return the input itself for 1.
torch::Tensor upright(const torch::Tensor& image_HWC, int orientation);

}  // namespace monge::io

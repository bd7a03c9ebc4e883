// EXIF orientation: how a camera was held, as one tag beside the pixels.
#pragma once

#include <torch/types.h>

#include <string_view>

namespace monge::io {

/// The orientation that an EXIF block says, 1..8; 1 where it says none, another value, or is damaged.
///
/// Only the first directory (IFD0) is looked at: the second is of the thumbnail. Of several entries the last counts, as
/// in Pillow.
/// @param block  from "II" or "MM" on, with or without "Exif\0\0" before it. Nothing outside of it is read, whatever it
/// holds.
int exif_orientation(std::string_view block);

/// The image as it was seen: equal to Pillow's ImageOps.exif_transpose.
/// @param image_HWC    uint8 or uint16 [H, W, 1..4], contiguous.
/// @param orientation  1..8; 5 to 8 exchange height and width. @return the input itself for 1. Plain loops.
torch::Tensor upright(const torch::Tensor& image_HWC, int orientation);

}  // namespace monge::io

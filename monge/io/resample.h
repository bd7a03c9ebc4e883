// The two passes of resizing 8-bit images, on plain bytes. The sums are exact integers, so vector instructions do not
// change the result.
#pragma once

#include <cstdint>

#include "monge/io/taps.h"

namespace monge::io {

/// Output line y, of `row` bytes, is the weighted sum of input lines, rounded and clipped.
/// @param from  [in, row]. @param to  [out, row], not overlapping `from`.
void resample_lines(const uint8_t* from, int64_t in, int64_t row, int64_t out, Filter filter, uint8_t* to);

/// The same along each line.
/// @param from  [height, in, channels], 1 to 4 channels. @param to  [height, out, channels], not overlapping `from`.
void resample_pixels(const uint8_t* from, int64_t height, int64_t in, int64_t channels, int64_t out, Filter filter,
                     uint8_t* to);

}  // namespace monge::io

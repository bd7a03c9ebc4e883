// The geometry of upsample_concat, for its implementations.
#pragma once

#include <algorithm>
#include <cstdint>

#include "monge/nn/ops/kernels.h"

namespace monge::nn::ops {

/// Doubles the size of the lower level, up to the size of the skip, and centres it in the skip's frame.
inline Frame enlarged_frame(int64_t batch, int64_t skip_channels, int64_t height, int64_t width, int64_t low_channels,
                            int64_t low_height, int64_t low_width) {
  const int64_t up_height = std::min(2 * low_height, height), up_width = std::min(2 * low_width, width);
  const auto number = [](int64_t x) { return static_cast<int>(x); };
  return {number(batch),
          number(height),
          number(width),
          number(low_height),
          number(low_width),
          number(up_height),
          number(up_width),
          number((height - up_height) / 2),
          number((width - up_width) / 2),
          number(skip_channels),
          number(low_channels)};
}

}  // namespace monge::nn::ops

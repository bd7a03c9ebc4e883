// The sizes of images that a convolutional map takes beside the size that it was trained at.
#pragma once

#include <cstdint>

namespace monge::nn {

/// What a map requires of the height and width of its input.
struct ImageSizes {
  int64_t multiple = 1;  ///< height and width must be multiples of this number of pixels
  int64_t least = 1;     ///< least height and width, in pixels
  int64_t reach = 0;     ///< largest distance, in pixels, of an input pixel that an output pixel depends on
  /// Whether an output pixel depends on the whole input by statistics (group norm) or attention. Then parts of an image
  /// fit together only if they share these, see MapNet::use_statistics.
  bool uses_whole_image = false;
};

}  // namespace monge::nn

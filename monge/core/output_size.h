// The size of translated images, as users write it.
#pragma once

#include <string>

#include "monge/core/image_size.h"

namespace monge {

struct OutputSize {
  enum class Kind {
    automatic,  ///< keep images that are larger than in training or of another shape, else as `train`
    keep,       ///< each image keeps its size
    train,      ///< images are cropped and resized to the size of the training
    given,      ///< images are cropped and resized to `size`
    residual,   ///< images keep their size; the change of a copy at the size of the training is enlarged and added
  };
  Kind kind = Kind::automatic;
  ImageSize size = {};  ///< of `given`
};

/// Reads "keep", "train", "residual", WIDTHxHEIGHT or one number, each side 8 to 4096 pixels; an empty text is
/// automatic.
/// @param where  the option, for the message. @throws InputError for any other text.
OutputSize parse_output_size(const std::string& words, const std::string& where);

}  // namespace monge

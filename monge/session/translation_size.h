// The size at which images are translated. Internal to the session.
#pragma once

#include <string>

#include "monge/core/image_size.h"
#include "monge/model/model.h"
#include "monge/session/translation.h"

namespace monge::session {

/// TranslateOptions::size as a value.
struct SizeChoice {
  enum class Kind {
    automatic,  ///< keep images that are larger than in training or of another shape, else as `train`
    keep,       ///< each image keeps its size
    train,      ///< images are cropped and resized to the size of the training
    given,      ///< images are cropped and resized to `size`
  };
  Kind kind = Kind::automatic;
  ImageSize size = {};  ///< of `train` and `given`
};

/// The choice for a model, which is never `given` at the size of the training. Without a recipe, the default is to
/// keep.
/// @throws InputError for a text that is no size, or a size that the map does not take.
SizeChoice size_choice(const TranslateOptions& options, const model::Model& model);

}  // namespace monge::session

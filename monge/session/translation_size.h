// The size at which images are translated. Internal to the session.
#pragma once

#include <string>

#include "monge/core/output_size.h"
#include "monge/model/model.h"
#include "monge/session/translation.h"

namespace monge::session {

/// TranslateOptions::size for a model; `size` is set for `train`, too.
using SizeChoice = OutputSize;

/// The choice for a model, which is never `given` at the size of the training. Without a size in the options it is the
/// recipe's output.size; without a recipe, the default is to keep.
/// @param array  whether the images are an array: they are not resized, so the recipe's size is not for them.
/// @throws InputError for a text that is no size, or a size that the map does not take.
SizeChoice size_choice(const TranslateOptions& options, const model::Model& model, bool array = false);

}  // namespace monge::session

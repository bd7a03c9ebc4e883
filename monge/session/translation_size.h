// The size at which images are translated. Internal to the session.
#pragma once

#include <string>

#include "monge/core/output_size.h"
#include "monge/model/model.h"
#include "monge/session/translation.h"

namespace monge::session {

/// The options with the recipe's output.size where they leave the size open.
/// @param array  whether the images are an array. They are not resized, so only "residual" is for them.
TranslateOptions with_size_of_recipe(TranslateOptions options, const model::Model& model, bool array);

/// TranslateOptions::size for a model, never `given` at the size of the training. Unless it is `given`, its `size` is
/// that of the training. Without a recipe, the default is to keep.
/// @throws InputError for a text that is no size, or a size that the map does not take.
OutputSize size_choice(const TranslateOptions& options, const model::Model& model);

}  // namespace monge::session

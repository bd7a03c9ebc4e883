// Changes what a model file tells about its map, before it is given to others.
#pragma once

#include <string>
#include <vector>

#include "monge/model/model.h"

namespace monge::model {

/// Applies "section.key=value" assignments to the recipe of a model. Allowed are the keys on which neither the map nor
/// its metrics depend: `name`, those of [card] and [output], and the paths source.path, target.path, eval.source,
/// eval.target and train.init. Paths are taken as they are written, so a file for others can hold relative ones.
/// Another output.range removes the record of the evaluation, which was measured with the former one.
/// @throws InputError for other keys, as Recipe's options for wrong values, for an output.size that the map does not
///         take, a name that is_model_name refuses, or a model without a recipe.
void amend_recipe(Model& model, const std::vector<std::string>& assignments);

}  // namespace monge::model

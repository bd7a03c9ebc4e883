// Changes what a model file tells about its map, before it is given to others.
#pragma once

#include <string>
#include <vector>

#include "monge/model/model.h"

namespace monge::model {

/// Applies "section.key=value" assignments to the recipe of a model. Allowed are the keys on which the map does not
/// depend: `name`, those of [card], [output] and [eval], and the paths source.path, target.path and train.init. Paths
/// are taken as they are written, so a file for others can hold relative ones.
/// @throws InputError for other keys, as Recipe's options for wrong values, or for a model without a recipe.
void amend_recipe(Model& model, const std::vector<std::string>& assignments);

}  // namespace monge::model

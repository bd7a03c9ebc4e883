// What differs between recipes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monge/train/recipe.h"

namespace monge::train {

struct RecipeChange {
  std::string key;                  ///< "section.key"
  std::vector<std::string> values;  ///< as TOML; one for each recipe, "-" where there is no recipe
  std::string standard = {};        ///< the default, as TOML
  std::string help = {};            ///< of the option
};

/// The keys whose values are not the defaults, in the order of the reference page.
std::vector<RecipeChange> changes_from_defaults(Recipe recipe);

/// The keys whose values are not equal in all recipes.
std::vector<RecipeChange> differences_between(std::vector<std::optional<Recipe>> recipes);

}  // namespace monge::train

// A training that diverges, for the tests of what is done about it.
#pragma once

#include <string>

#include "tests/train/short_run.h"

namespace monge::train {

/// A training of vectors whose potential runs away within some hundred iterations, unless the policy prevents it.
inline Recipe exploding_recipe(const std::string& policy = "rollback") {
  auto recipe = recipe_for("strong", /*image=*/false);
  recipe.potential.r1 = 0.0;
  recipe.potential.r1_every = 1;
  recipe.potential.expectile = 0;
  recipe.train.lr_map = recipe.train.lr_potential = 0.1;
  recipe.train.schedule = "constant";
  recipe.train.warmup = 0;
  recipe.train.iterations = 700;
  recipe.train.on_divergence = policy;
  recipe.checkpoint.every = 100;
  return recipe;
}

}  // namespace monge::train

#include "bench/checks/problem.h"

#include <algorithm>

namespace monge::bench {

const Problem& vectors() {
  static const Problem problem{
      "vectors", {16}, {"train.batch=256", "train.k_t=3", "map.width=64", "potential.width=64", "train.ema=0.9"}};
  return problem;
}

const Problem& pictures() {
  static const Problem problem{"pictures",
                               {3, 16, 16},
                               {"train.batch=8", "train.k_t=2", "map.width=8", "map.depth=3", "potential.width=16",
                                "potential.width_max=32", "train.ema=0.9"}};
  return problem;
}

bool is_option(const std::string& key) {
  train::Recipe recipe;
  const auto table = recipe.options();
  return std::any_of(table.options().begin(), table.options().end(),
                     [&key](const Option& option) { return option.key == key; });
}

train::Recipe recipe_of(const Problem& problem, const Assignments& changes) {
  train::Recipe recipe;
  train::assign(recipe, {"source.path=toy:none", "target.path=toy:none", "otp.eps_end=0.1"});
  if (is_option("train.tf32")) train::assign(recipe, {"train.tf32=false"});
  train::assign(recipe, problem.assignments);
  train::assign(recipe, changes);
  train::validate(recipe);
  return recipe;
}

}  // namespace monge::bench

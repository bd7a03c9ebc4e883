#include "bench/checks/problem.h"

namespace monge::bench {

const Problem& vectors() {
  static const Problem problem{
      "vectors", {16}, {"train.batch=256", "train.k_t=3", "map.width=64", "potential.width=64", "train.ema=0.9"}};
  return problem;
}

const Problem& images() {
  static const Problem problem{"pictures",
                               {3, 16, 16},
                               {"train.batch=8", "train.k_t=2", "map.width=8", "map.depth=3", "potential.width=16",
                                "potential.width_max=32", "train.ema=0.9"}};
  return problem;
}

train::Recipe recipe_of(const Problem& problem, const Assignments& changes) {
  train::Recipe recipe;
  train::assign(recipe, {"source.path=toy:none", "target.path=toy:none", "otp.eps_end=0.1", "train.tf32=false"});
  train::assign(recipe, problem.assignments);
  train::assign(recipe, changes);
  train::validate(recipe);
  return recipe;
}

}  // namespace monge::bench

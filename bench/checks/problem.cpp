#include "bench/checks/problem.h"

namespace monge::bench {

const Problem& vectors() {
  static const Problem problem{
      "vectors", {16}, {"train.batch=256", "train.k_t=3", "map.width=64", "potential.width=64", "train.ema=0.9"}};
  return problem;
}

const Problem& images() {
  static const Problem problem{"images",
                               {3, 16, 16},
                               {"train.batch=8", "train.k_t=2", "map.width=8", "map.depth=3", "potential.width=16",
                                "potential.width_max=32", "train.ema=0.9"}};
  return problem;
}

solve::SolverOptions recipe_of(const Problem& problem, const Assignments& changes) {
  solve::SolverOptions recipe;
  solve::assign(recipe, {"otp.eps_end=0.1", "train.tf32=false"});
  solve::assign(recipe, problem.assignments);
  solve::assign(recipe, changes);
  solve::validate(recipe);
  return recipe;
}

}  // namespace monge::bench

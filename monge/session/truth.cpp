#include "monge/session/truth.h"

#include "monge/core/error.h"
#include "monge/solve/precision.h"
#include "monge/solve/settings.h"

namespace monge::session {
namespace {

struct FixedKeys {
  std::vector<std::string> beginnings;  ///< of assignments
  const char* reason;
};

void check_assignment(const std::string& assignment) {
  static const std::vector<FixedKeys> fixed{
      // The answer holds for these data and this cost; seed and device are options of their own.
      {{"source.", "target.", "unbalanced.", "method=", "otp.cost=", "weak.gamma",
        "train.init=", "train.seed=", "train.threads=", "train.device="},
       ": is fixed by the case or by a flag (--method, --seed, --threads, --device)"},
      // There is no run directory, and the comparison with the answer replaces the evaluations.
      {{"name=", "checkpoint.", "eval.", "samples.", "parallel."}, ": has no effect on monge truth; leave it out"},
      // The answer holds in the case's own coordinates, and for the unclamped outputs of the map.
      {{"data.standardise=", "output."},
       ": would change the map, so that the known answer does not apply; leave it out"},
  };
  for (const auto& [beginnings, reason] : fixed) {
    for (const auto& beginning : beginnings) {
      require(!assignment.starts_with(beginning), "--set ", assignment, reason);
    }
  }
}

}  // namespace

eval::TruthCase truth_case(const std::string& name, const eval::TruthOptions& options,
                           const std::vector<std::string>& assignments, const Compute& compute, const LogSink& log) {
  for (const auto& assignment : assignments) check_assignment(assignment);
  auto out = eval::truth_case(name, options);
  const auto device = choose_device(compute, out.recipe.train.device);
  train::assign(out.recipe, assignments);
  out.recipe.train.precision = solve::resolve_precision(out.recipe.train.precision, device, log);
  train::validate(out.recipe);
  return out;
}

eval::TruthResult truth(eval::TruthCase truth, int64_t seed, const Compute& compute, const Hooks& hooks,
                        train::Observer* observer) {
  set_threads(compute, truth.recipe.train.threads);
  solve::keep_freed_memory();
  truth.recipe.train.seed = seed;
  return eval::run_truth(truth, choose_device(compute), hooks.stop_flag(), hooks.log, observer);
}

}  // namespace monge::session

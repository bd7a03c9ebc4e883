#include "monge/session/interpolation_score.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/eval/discrete_ot.h"
#include "monge/eval/displacement_interpolation.h"
#include "monge/session/samples_file.h"

namespace monge::session {
namespace {

constexpr int64_t kLeastRows = 4;  // each half of a set has pairs

FileSamples read_set(const std::string& path, const std::string& role, const LogSink& log,
                     const std::vector<std::string>& wanted = {}) {
  auto set = read_samples(path, role, log, wanted);
  if (set.values.dim() == 3) set.values = set.values.flatten(0, 1);
  if (set.values.size(0) < kLeastRows) {
    throw InputError({.what = "too few samples",
                      .where = role + " " + path,
                      .value = text(set.values.size(0)),
                      .allowed = text(kLeastRows, " or more")});
  }
  return set;
}

void check_columns(const torch::Tensor& set, const std::string& role, const std::string& path,
                   const torch::Tensor& between) {
  if (set.size(1) == between.size(1)) return;
  throw InputError({.what = "the sets have different numbers of columns",
                    .where = role + " " + path,
                    .value = text(set.size(1)),
                    .allowed = text(between.size(1), ", as in --between")});
}

}  // namespace

InterpolationScore score_interpolation(const InterpolationOptions& options, const Compute& compute,
                                       const Hooks& hooks) {
  set_threads(compute);
  require(options.t >= 0 && options.t <= 1, "--t ", options.t, ": allowed is 0 (the start) to 1 (the end)");
  require(options.plan_points >= 2 && options.plan_points <= eval::kMostPlanPoints, "--plan-points ",
          options.plan_points, ": allowed is 2 to ", eval::kMostPlanPoints);
  require(options.seed >= 0, "--seed ", options.seed, ": allowed is 0 or more");
  const auto reference = read_set(options.between, "--between", hooks.log);
  const auto& between = reference.values;
  const auto read = [&](const std::string& path, const std::string& role) {
    auto set = read_set(path, role, hooks.log, reference.columns).values;
    check_columns(set, role, path, between);
    return set;
  };
  const auto outputs = read(options.outputs, "--outputs"), start = read(options.start, "--start"),
             end = read(options.end, "--end");
  // W1 and W2 fall with the number of samples, so that every set is compared with as many.
  const int64_t points = std::min({options.plan_points, outputs.size(0), start.size(0), end.size(0)});
  const auto seed = static_cast<uint64_t>(options.seed);
  const auto report = hooks.progress_of("comparing");
  constexpr int64_t kSteps = 6;
  int64_t done = 0;
  const auto step = [&] {
    if (report) report(++done, kSteps);
  };
  const auto plan = eval::displacement_interpolation(start, end, options.t, options.plan_points, seed);
  step();
  const eval::SampleComparison comparison(between, points, seed);
  InterpolationScore out{.rows = {},
                         .outputs = outputs.size(0),
                         .between = between.size(0),
                         .plan_points = comparison.plan_points(),
                         .midpoints = plan.size(0),
                         .bandwidth = comparison.bandwidth()};
  for (const auto& [name, set] : {std::pair{"outputs", &outputs}, {"start", &start}, {"end", &end}, {"plan", &plan}}) {
    out.rows.emplace_back(name, comparison.compare(*set));
    step();
  }
  out.rows.emplace_back("floor", comparison.floor());
  step();
  return out;
}

}  // namespace monge::session

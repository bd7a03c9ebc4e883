#include "monge/eval/output_score.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/open.h"
#include "monge/data/toys.h"
#include "monge/eval/discrete_ot.h"
#include "monge/eval/plan_score.h"
#include "monge/eval/target_verdict.h"

namespace monge::eval {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();
constexpr uint64_t kScoreSeed = 0x73636f7265;  // all outputs are compared with the same target samples
constexpr int64_t kStreamBlock = 1024;

/// Draws in blocks, each of a stream of its own.
torch::Tensor drawn_in_blocks(const data::Source& law, int64_t n, uint64_t seed, const char* purpose) {
  const RandomStreams streams(seed);
  std::vector<torch::Tensor> blocks;
  for (int64_t k = 0; k * kStreamBlock < n; ++k) blocks.push_back(law.draw(kStreamBlock, streams.at(purpose, k)));
  return torch::cat(blocks).narrow(0, 0, n).contiguous();
}

std::shared_ptr<const data::Source> open_law(const std::string& path) {
  data::SourceOptions options;
  options.path = path;
  return data::open_source(options);
}

double law_variance(const data::Source& law) {
  if (const auto* gaussian = dynamic_cast<const data::GaussianSource*>(&law)) {
    return gaussian->covariance().trace().item<double>();
  }
  const int64_t n = std::clamp<int64_t>((int64_t{1} << 24) / law.item_shape()[0], int64_t{1} << 12, int64_t{1} << 18);
  const auto x = law.draw(n, RandomStreams(kScoreSeed).at("score variance", 0)).to(torch::kFloat64);
  return x.var(0, /*unbiased=*/true).sum().item<double>();
}

/// E|x - y|^2 of the exact plan between samples of two laws.
double sampled_plan_cost(const data::Source& source, const data::Source& target) {
  constexpr int64_t points = 2048;
  const RandomStreams streams(kScoreSeed);
  return exact_w2_squared(source.draw(points, streams.at("score plan x", 0)),
                          target.draw(points, streams.at("score plan y", 0)));
}

void check_inputs(const TruthCase& truth, const torch::Tensor& x_ND) {
  if (x_ND.dim() == 2 && x_ND.size(0) >= 2 && x_ND.size(1) == truth.dim) return;
  throw InputError({.what = "the inputs do not fit the case \"" + truth.name + "\"",
                    .value = text(x_ND.sizes()),
                    .allowed = text("[N, ", truth.dim, "] with N of 2 or more")});
}

/// Means over the exact plans.
void score_against_target(const KnownProblem& problem, const torch::Tensor& y_NKD,
                          const std::function<void(int64_t, int64_t)>& progress, OutputScore& out) {
  const RandomStreams streams(kScoreSeed);
  const int64_t rows = y_NKD.size(0), points = std::min(kTruthPoints, rows), parts = rows / points;
  const auto order = torch::randperm(rows, streams.at("score order", 0), torch::kInt64);  // rows may be sorted
  const double fraction = 1.0 / static_cast<double>(problem.repeats);
  // Few inputs may happen to lie aside. So does the output of every map, the true one as well, which must have the
  // floor.
  const bool is_map = problem.answer_ND.defined() && !std::isfinite(problem.plan_variance);
  out.target_points = points;
  for (int64_t k = 0; k < problem.repeats; ++k) {
    const auto chosen = order.narrow(0, (k % parts) * points, points);
    const auto y = y_NKD.select(1, (k / parts) % y_NKD.size(1)).index_select(0, chosen);
    const auto a = problem.target->draw(points, streams.at("score target a", k)).to(torch::kFloat64);
    const auto b = is_map ? problem.answer_ND.index_select(0, chosen)
                          : problem.target->draw(points, streams.at("score target b", k)).to(torch::kFloat64);
    out.target.add(target_distances(y, a, b), fraction);
    out.energy_start += fraction * energy_distance(problem.x_ND.index_select(0, chosen), a);
    if (progress) progress(k + 1, problem.repeats);
  }
}

}  // namespace

torch::Tensor standard_inputs(const data::Source& law, int64_t n, uint64_t seed) {
  return drawn_in_blocks(law, n, seed, "score inputs");
}

torch::Tensor standard_targets(const data::Source& law, int64_t n, uint64_t seed) {
  return drawn_in_blocks(law, n, seed, "score targets");
}

KnownProblem known_problem(const TruthCase& truth, const torch::Tensor& x_ND) {
  check_inputs(truth, x_ND);
  KnownProblem out;
  out.source = open_law(truth.recipe.source.path);
  out.target = open_law(truth.recipe.target.path);
  out.x_ND = x_ND.to(torch::kFloat64);
  out.plan_variance = truth.plan_variance;
  out.repeats = truth.repeats;
  out.two_branches = truth.two_branches;
  out.plan = truth.plan;
  if (truth.map) {
    out.answer_ND = truth.map(out.x_ND).to(torch::kFloat64);
    out.target_variance = truth.target_variance;
    // E|x - y|^2 = |x - m|^2 + D v for outputs y of mean m and variance v.
    const double spread = std::isfinite(truth.plan_variance) ? static_cast<double>(truth.dim) * truth.plan_variance : 0;
    out.least_cost = mean_square_gap(out.x_ND, out.answer_ND) + spread;
  } else if (std::isfinite(truth.w2_squared)) {
    out.least_cost = truth.w2_squared;
  } else if (truth.squared_cost) {
    out.least_cost = sampled_plan_cost(*out.source, *out.target);
  }
  return out;
}

KnownProblem inverse_problem(const TruthCase& truth, const torch::Tensor& x_ND) {
  if (!truth.map || std::isfinite(truth.plan_variance)) {
    throw InputError({.what = "this case has no known map that could be inverted",
                      .value = '"' + truth.name + '"',
                      .allowed = "cases with a known map: gaussian, line, parallel, w2bench"});
  }
  auto out = known_problem(truth, x_ND);
  std::swap(out.source, out.target);
  std::swap(out.x_ND, out.answer_ND);
  out.target_variance = law_variance(*out.target);
  return out;
}

PushForwardError OutputScore::decisive() const {
  return {.error = target.energy, .floor = target.energy_floor, .start = energy_start};
}

std::string OutputScore::verdict() const {
  if (verdict_of(decisive()) != TargetVerdict::unknown) return in_words(decisive());
  return "cannot be judged: by these samples the inputs are as near to the target as the outputs";
}

NamedMetrics OutputScore::named() const {
  return {{"l2_uvp", l2_uvp},
          {"cosine", cosine},
          {"cost", cost},
          {"least_cost", least_cost},
          {"cost_error", cost_error},
          {"target_error", target.w2_squared},
          {"target_floor", target.floor},
          {"target_collapse", target.collapse},
          {"energy_error", target.energy},
          {"energy_floor", target.energy_floor},
          {"energy_collapse", target.energy_collapse},
          {"energy_start", energy_start},
          {"plan_variance", plan_variance},
          {"plan_variance_truth", plan_variance_truth},
          {"l2_uvp_noise", l2_uvp_noise},
          {"cbw2_uvp", plan_uvp},
          {"cbw2_uvp_floor", plan_uvp_floor}};
}

OutputScore score_outputs(const KnownProblem& problem, const torch::Tensor& y_NKD,
                          const std::function<void(int64_t done, int64_t total)>& progress) {
  const auto& x = problem.x_ND;
  if (y_NKD.dim() != 3 || y_NKD.size(0) != x.size(0) || y_NKD.size(1) < 1 || y_NKD.size(2) != x.size(1)) {
    throw InputError({.what = "the outputs do not fit the inputs",
                      .value = text(y_NKD.sizes()),
                      .allowed = text('[', x.size(0), ", K, ", x.size(1), "] with K samples per input")});
  }
  const auto y = y_NKD.to(torch::kFloat64);
  const auto mean = y.mean(1);
  OutputScore out;
  out.points = y.size(0);
  out.samples_per_input = y.size(1);
  out.cost = (y - x.unsqueeze(1)).square().sum(2).mean().item<double>();
  out.least_cost = problem.least_cost;
  out.cost_error = std::abs(out.cost - problem.least_cost);
  out.plan_variance_truth = problem.plan_variance;
  out.plan_variance = y.size(1) > 1 ? y.var(1, /*unbiased=*/true).mean().item<double>() : kNotKnown;
  out.l2_uvp = out.cosine = out.l2_uvp_noise = out.plan_uvp = out.plan_uvp_floor = kNotKnown;
  if (problem.answer_ND.defined()) {
    out.l2_uvp = l2_uvp(mean, problem.answer_ND, problem.target_variance);
    out.cosine = displacement_cosine(x, mean, problem.answer_ND);
    out.l2_uvp_noise = 100 * static_cast<double>(y.size(2)) * out.plan_variance /
                       (static_cast<double>(y.size(1)) * problem.target_variance);
  }
  if (problem.plan && y.size(1) > 1) {
    const int64_t inputs = std::min(kPlanInputs, y.size(0));
    const auto some = x.narrow(0, 0, inputs);
    out.plan_uvp = plan_uvp(*problem.plan, some, y.narrow(0, 0, inputs), problem.target_variance);
    out.plan_uvp_floor = plan_uvp_floor(*problem.plan, some, y.size(1), problem.target_variance);
  }
  if (problem.two_branches) out.branch = branch_fractions(x.repeat_interleave(y.size(1), 0), y.flatten(0, 1));
  score_against_target(problem, y, progress, out);
  return out;
}

}  // namespace monge::eval

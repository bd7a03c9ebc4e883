// Scores outputs that any program made on a case with a known answer (truth.h).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/named_metrics.h"
#include "monge/data/source.h"
#include "monge/eval/push_forward_error.h"
#include "monge/eval/truth.h"
#include "monge/eval/truth_score.h"

namespace monge::eval {

/// n inputs of a law: the standard stream on which maps are compared. The first rows do not depend on n, so a part of
/// the outputs can be scored. A pure function of the law, n and the seed. float32 [n, D].
torch::Tensor standard_inputs(const data::Source& law, int64_t n, uint64_t seed);

/// n further samples of a law by the same rule, independent of standard_inputs of the same seed.
torch::Tensor standard_targets(const data::Source& law, int64_t n, uint64_t seed);

/// A transport problem with its inputs and what is known of their optimal outputs.
struct KnownProblem {
  std::shared_ptr<const data::Source> source, target;
  torch::Tensor x_ND;       ///< float64, the inputs
  torch::Tensor answer_ND;  ///< float64, T*(x) or the mean of the optimal plan for x; undefined if it is not known
  double target_variance = std::numeric_limits<double>::quiet_NaN();  ///< trace of its covariance; with an answer
  double plan_variance = std::numeric_limits<double>::quiet_NaN();    ///< see TruthCase
  double least_cost = std::numeric_limits<double>::quiet_NaN();       ///< E|x - y|^2 of an optimal plan; NaN: not known
  int64_t repeats = 8;                                                ///< the number of exact plans, see TruthCase
  bool two_branches = false;                                          ///< see TruthCase
  std::shared_ptr<const data::EntropicMixture> plan = {};             ///< see TruthCase
};

/// The problem of the case itself. With an answer, `least_cost` is that of the answer on these inputs, which has no
/// sampling noise; otherwise it is that of the laws.
/// @param x_ND  inputs, samples of the source, of any float type.
/// @throws InputError unless they are [N, D] of the case's D with N >= 2.
KnownProblem known_problem(const TruthCase& truth, const torch::Tensor& x_ND);

/// The problem of the inverse map: the inputs are y = T*(x), the answer is x, and source and target change places.
/// `target_variance` is then that of the source. It is exact for Gaussians and otherwise of 2^24 / D samples, at least
/// 2^12 and at most 2^18.
/// @param x_ND  as above.
/// @throws InputError as above, and for a case whose map is not known or is only the mean of a plan.
KnownProblem inverse_problem(const TruthCase& truth, const torch::Tensor& x_ND);

/// How far outputs are from the answer. NaN for a metric that does not apply.
struct OutputScore {
  int64_t points = 0;             ///< N
  int64_t samples_per_input = 1;  ///< K
  /// 100 E|m - T*|^2 / Var Q in percent, with m the mean of the K outputs of an input.
  double l2_uvp = 0;
  double cosine = 0;               ///< between the displacements of m and T*
  double cost = 0;                 ///< E|x - y|^2 over all outputs
  double least_cost = 0;           ///< the same of an optimal plan
  double cost_error = 0;           ///< | cost - least_cost |
  TargetDistances target = {};     ///< means over the exact plans of `target_points` outputs and target samples each
  double energy_start = 0;         ///< energy distance of the inputs: of a map that does nothing
  double plan_variance = 0;        ///< of the outputs for one input, per coordinate; K >= 2
  double plan_variance_truth = 0;  ///< its value in the optimal plan
  /// The percentage points that K draws alone add to `l2_uvp`, because m is a mean of K outputs: 100 D v / (K Var Q)
  /// with v = `plan_variance`. NaN for K = 1 and without an answer.
  double l2_uvp_noise = 0;
  double plan_uvp = 0, plan_uvp_floor = 0;  ///< see plan_score.h, of at most kPlanInputs inputs; K >= 2, known plan
  int64_t target_points = 0;                ///< in each exact plan
  std::vector<double> branch = {};          ///< one-to-many, see branch_fractions

  /// The energy distances by which the verdict is given.
  PushForwardError decisive() const;
  /// Whether the outputs reach the target, in words to follow "the map ", as in_words of target_verdict.h.
  std::string verdict() const;
  /// Key and value in the order in which they are shown.
  NamedMetrics named() const;
};

/// Scores outputs. For the distances to the target it takes 1,024 rows at a time, in random order, with the K draws in
/// turn, each time against fresh target samples. The floors are those of the optimal outputs of the same inputs where
/// the map is known, so that the true map has them exactly, and else of further target samples.
/// @param y_NKD     finite, K outputs of each of the problem's inputs.
/// @param progress  called with the number of plans done; may be empty.
/// @throws InputError for another shape.
OutputScore score_outputs(const KnownProblem& problem, const torch::Tensor& y_NKD,
                          const std::function<void(int64_t done, int64_t total)>& progress = {});

}  // namespace monge::eval

// Cases with a known answer, and scores of how far from the answer a training ends.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/entropic_mixture.h"
#include "monge/ot/method.h"
#include "monge/train/observer.h"
#include "monge/train/recipe.h"

namespace monge::eval {

/// One case at one dimension: a recipe that trains it and the answer.
struct TruthCase {
  std::string name;
  int64_t dim = 2;
  train::Recipe recipe;  ///< of the case's own method; method, seed and all else may be changed before the run
  ot::CostKind cost_kind = ot::CostKind::squared;  ///< the cost for which the answer holds
  bool squared_cost = true;  ///< whether the method solves the problem of the squared distance, and not a weak one
  /// E|x - T(x)|^2 of an optimal plan. If NaN, it is that of the exact plan of samples for the squared cost, and
  /// unknown for other costs.
  double w2_squared = std::numeric_limits<double>::quiet_NaN();
  /// The optimal map, or the conditional mean of the optimal plan, from [N, D] to [N, D]; empty if it is not unique.
  std::function<torch::Tensor(const torch::Tensor& x)> map;
  double target_variance = 0;  ///< trace of the target's covariance, for L2-UVP; set if there is a map
  int64_t repeats = 8;         ///< the number of exact plans over which the metrics are averaged
  bool two_branches = false;   ///< each input has two optimal outputs, see TruthScore::branch
  /// Variance per coordinate of the outputs for one input in the optimal plan; NaN if it is not known.
  double plan_variance = std::numeric_limits<double>::quiet_NaN();
  std::shared_ptr<const data::EntropicMixture> plan = {};  ///< the optimal plan itself, where it is known
};

struct TruthOptions {
  int64_t dim = 0;          ///< 0: the case's own
  std::string method = {};  ///< empty: the case's own
  std::string pair = {};    ///< the file of w2bench
  double epsilon = 0;       ///< of entropic-mixture; 0: 1
  bool quick = false;       ///< few iterations, for a result in seconds
};

/// The cases, in the order in which they are shown:
///
///     gaussian             N(0, I) to N(1, random covariance): linear map, W2 in closed form
///     line                 N(0, 1) to U([-1, 1]): the monotone map 2 Phi(x) - 1, W2^2 = 4/3 - 2/sqrt(pi); dim 1
///     weak-gaussian        N(0, s^2 I) to N(0, I) with the weak cost, gamma = 0.8 > s = 0.5:
///                          conditional mean x / gamma, conditional variance 1 - s^2 / gamma^2
///     perpendicular        U([-1,1]^(D/2)) x {0} to {0} x U([-1,1]^(D/2)): every plan is optimal, W2^2 = D/3
///     one-to-many          U([-1,1]^(D/2)) x {0} to the same moved by +1 or -1 along one axis: a plan and no map,
///                          W2^2 = 1
///     multi-perpendicular  a segment to two perpendicular ones: W2^2 = 5/12; dim 2
///     parallel             U([-1,1]^(D/2)) x {0} moved by 1: the shift, W2^2 = 1
///     mixture8, moons      from N(0, I/4) in the plane, against the exact plan of samples
///     entropic-mixture     N(0, I) to what a known entropic plan of weight `epsilon` makes of it, see
///                          data::EntropicMixture
///     w2bench              the Wasserstein-2 benchmark pair of `pair` (Korotin et al. 2021)
std::vector<std::string> truth_names();

/// A case by its name. A method with another cost than the case's (kernel, or weak for any case but weak-gaussian) has
/// another answer; the parts of it that are not known are left out.
/// @throws InputError  for an unknown case (suggesting the nearest) or method, for a dimension that the case does not
///                     have, and for w2bench without a pair.
TruthCase truth_case(const std::string& name, const TruthOptions& options);

/// How far a training ended from the answer. NaN for a metric that does not apply.
struct TruthScore {
  static TruthScore unknown();  ///< all NaN, for a training that diverged

  double cost_error = 0;       ///< | E|x - T(x)|^2 - W2^2 |
  double target_error = 0;     ///< W2^2 of outputs against target samples: the mean over exact plans of fresh samples
  double target_floor = 0;     ///< the same of target samples against target samples
  double target_collapse = 0;  ///< the same of the target's mean: the error of a map that sends all to one point
  double energy_error = 0, energy_floor = 0, energy_collapse = 0;  ///< the same by energy distance
  double l2_uvp = 0;                                               ///< 100 E|T - T*|^2 / Var Q, in percent
  double cosine = 0;                                               ///< between the displacements of T and T*
  double inverse_l2_uvp = 0;       ///< 100 E|S(T*(x)) - x|^2 / Var P for an inverse map S that was trained, in percent
  double plan_variance = 0;        ///< of the outputs for one input, per coordinate; stochastic maps
  double plan_variance_truth = 0;  ///< its value in the optimal plan, if known
  double plan_uvp = 0, plan_uvp_floor = 0;  ///< see plan_score.h; where the plan is known
  double seconds = 0;                       ///< of the training
  int64_t points = 0;                       ///< in each of the exact plans
  std::vector<double> branch;  ///< one-to-many: fraction of outputs on the upper branch, by eighths of the segment

  /// Key and value in the order of the table; NaN for metrics that do not apply.
  std::vector<std::pair<std::string, double>> named() const;
};

/// A trained case: its score, and samples for an image.
struct TruthResult {
  TruthScore score;
  bool complete = true;        ///< false if `stop` was set; then nothing else is set
  torch::Tensor x, y, target;  ///< [N, D], [N, samples per input, D], [N, D]
};

/// Trains the case's recipe in memory and scores its averaged map.
/// @param watcher  attached to the training (a progress line); may be null.
/// @throws DivergedError when values of the training become infinite or NaN; Error for a recipe that does not fit.
TruthResult run_truth(const TruthCase& truth, torch::Device device, const std::atomic<bool>& stop, const LogSink& log,
                      train::Observer* watcher);

}  // namespace monge::eval

// Scores a map that any program made, by its outputs on a case with a known answer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "monge/eval/output_score.h"
#include "monge/eval/truth.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"

namespace monge::session {

/// Writes the samples of a case for another program:
///
///     inputs.npy   [N, D] float32: the standard inputs of the seed, see eval::standard_inputs
///     target.npy   [N, D] float32: target samples, independent of the inputs and of those that outputs are scored with
///     truth.npy    [N, D] float32: T*(x), or the mean of the optimal plan for x, of each input; if it is known
///     case.json    case, dim, epsilon, seed, points, pair (the full path of the w2bench file, else null) and truth:
///     "map",
///                  "mean of the plan" or null
///
/// case.json is written last. Files of another case in the folder are replaced.
/// @param name     a name of eval::truth_names(). @param points  N, [2, 2^22]. @param seed  0 or more.
/// @throws InputError as eval::truth_case, for values out of range, and for a folder that holds such files without a
///         case.json, which may be the user's own.
void write_truth_case(const std::string& name, const eval::TruthOptions& options, int64_t points, int64_t seed,
                      const std::filesystem::path& folder, const Hooks& hooks = {});

struct ScoreOptions {
  /// A name of eval::truth_names(), a .safetensors file of the Wasserstein-2 benchmark, or a folder of
  /// write_truth_case. A folder takes precedence over a case of its name.
  std::string name = {};
  std::string outputs = {};  ///< file of the outputs: [N, D], or [N, K, D] with K samples per input
  std::string inputs = {};   ///< file of their inputs; empty: the folder's, or the standard inputs of `seed`
  int64_t dim = 0;           ///< 0: the case's own
  double epsilon = 0;        ///< of entropic-mixture; 0: the folder's, or the case's own
  std::string pair = {};     ///< the file of w2bench, if `name` does not say it
  int64_t seed = 0;          ///< of the standard inputs; a folder has its own
  bool inverse = false;      ///< the outputs estimate T*^-1(y) of the inputs y = T*(x)
};

struct ScoreResult {
  std::string name;  ///< of the case
  int64_t dim = 0;
  std::string inputs;  ///< where they come from, in words
  eval::OutputScore score;
};

/// Scores the outputs. It warns of inputs that are no samples of the source, of outputs that seem to be in another
/// order than their inputs, and of few outputs where no map is known. It uses the CPU and does not read hooks.stop.
/// @throws InputError for an unknown case (suggesting the nearest), a missing file, values that are not finite, counts
///         or dimensions that do not fit, and as eval::inverse_problem.
ScoreResult score(const ScoreOptions& options, const Compute& compute = {}, const Hooks& hooks = {});

}  // namespace monge::session

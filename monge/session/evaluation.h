// The metrics of a trained map on data that it was not trained on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "monge/eval/evaluation.h"
#include "monge/model/model.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"
#include "monge/session/samples.h"
#include "monge/session/translation.h"

namespace monge::session {

/// An empty text stands for the value in the model's recipe. "none" switches a metric of the recipe off.
struct EvaluateOptions {
  /// Data to use instead of the held-out parts: paths, or both as samples in memory, of which the target's halves then
  /// give the floor. A model without a recipe needs both.
  Samples source = {}, target = {};
  /// Path of the right outputs of the inputs, of the same names: adds eval::evaluate_against_truth to the image
  /// metrics.
  std::string truth = "";
  std::filesystem::path grid = {};   ///< with `truth`: image of inputs, outputs and right outputs; empty: none
  int64_t samples = 512;             ///< inputs; [2, 2^20]
  int64_t seed = 0;                  ///< seed of the choice of samples and of the noises
  std::string features = "";         ///< inception (FID, KID), a TorchScript file, or none
  std::string mode = "";             ///< how images come to inception's size: clean or legacy
  std::string lpips = "";            ///< alex, squeeze, vgg or none
  std::string weights = "";          ///< folder of weight files that is searched first
  std::string on_error = "";         ///< what to do with images that cannot be used: fail or skip
  StateDictOptions state_dict = {};  ///< for models without a recipe
};

struct EvaluateResult {
  bool complete = true;  ///< false when the stop flag ended it; then nothing else is set
  eval::Evaluation evaluation;
  std::vector<std::pair<std::string, std::string>> protocol;  ///< of the image evaluator; empty if there was none
  /// Images of either side that cannot be used and were left out, with on_error = "skip". Their names were logged.
  int64_t left_out_source = 0, left_out_target = 0;
};

/// Measures whether the map reaches its target and what it costs, in the units of the training. All ranks of the group
/// call it, and all return the root's metrics. A single process whose stop flag is set ends between two blocks of the
/// work, several ranks between two metrics.
/// @throws InputError when data are missing or do not fit the model; when the options name no data for a model without
///         a recipe; when an option is out of its range or does not fit the model.
EvaluateResult evaluate(const model::Model& model, const EvaluateOptions& options = {}, const Compute& compute = {},
                        const Hooks& hooks = {});

}  // namespace monge::session

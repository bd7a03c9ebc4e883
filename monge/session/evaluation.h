// The metrics of a trained map on data that it was not trained on.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "monge/eval/evaluation.h"
#include "monge/model/model.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"
#include "monge/session/translation.h"

namespace monge::session {

/// Empty texts take what the model's recipe says.
struct EvaluateOptions {
  std::string source = "", target = "";  ///< data in the place of what the recipe held out
  int64_t samples = 512;                 ///< inputs; [2, 2^20]
  int64_t seed = 0;                      ///< of the choice of samples and noises
  std::string features = "";  ///< inception (FID, KID), a TorchScript file, or none
  std::string mode = "";      ///< how images come to inception's size: clean or legacy
  std::string lpips = "";     ///< alex, squeeze, vgg or none
  std::string weights = "";   ///< folder of weight files that is searched first
  std::string on_error = "";  ///< of images that cannot be used: fail or skip
  BareModelOptions bare = {};
};

struct EvaluateResult {
  eval::Evaluation evaluation;
  std::vector<std::pair<std::string, std::string>> protocol;  ///< of the image evaluator; empty where there was none
};

/// Whether the map reaches its target and what it costs, in the units of the training. All ranks of the group call it; all
/// have the root's metrics then.
/// @throws InputError when data are missing or do not fit the model; when a model without a recipe names no data.
EvaluateResult evaluate(const model::Model& model, const EvaluateOptions& options = {}, const Compute& compute = {},
                        const Hooks& hooks = {});

}  // namespace monge::session

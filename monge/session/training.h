// Training as one job: from a recipe to a run directory with checkpoints, metrics, images and a report.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monge/data/source.h"
#include "monge/eval/evaluation.h"
#include "monge/model/model.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"
#include "monge/train/observer.h"
#include "monge/train/recipe.h"

namespace monge::session {

struct TrainRequest {
  train::Recipe recipe;
  std::filesystem::path out = {};        ///< run directory; empty: the next numbered folder under `runs`
  std::filesystem::path runs = "runs";   ///< parent of the numbered folders
  bool in_memory = false;                ///< make no run directory: no checkpoints, no report; one rank only
  std::shared_ptr<const data::Source> source = {}, target = {};  ///< take the place of source.path and target.path
};

/// Hooks of a training. The callbacks run on the root of the group alone, except `recipe_read`.
struct TrainHooks : Hooks {
  /// Attached to the trainer after the evaluation, so that they see its metrics; must outlive the call.
  std::vector<train::Observer*> observers = {};
  /// After each evaluation on held-out data.
  std::function<void(int64_t iteration, const eval::Evaluation& evaluation)> evaluated = {};
  /// On every rank, once the recipe is known and before data are opened; for timeouts and signal handlers.
  std::function<void(const train::Recipe& recipe)> recipe_read = {};
  /// Given what to tell the user who wants to continue a run that broke off; called when there is a run directory.
  std::function<void(std::function<std::string()> hint)> resume_hint = {};
};

struct TrainResult {
  bool complete = false;         ///< false when the stop flag ended it; everything is saved then, too
  int64_t iterations = 0;        ///< done in all
  std::filesystem::path folder;  ///< of the run; empty in memory, and on other ranks than the root
  double seconds = 0;            ///< of the training in this process
  std::optional<eval::Evaluation> last;                       ///< the last evaluation; none where nothing was evaluated
  std::vector<std::pair<std::string, std::string>> protocol;  ///< of the image evaluator; empty where there was none
  std::string summary_json;      ///< what summary.json holds, on one line; empty in memory and on other ranks
  model::Model model;            ///< the averaged map, taking and giving raw items
};

/// The recipe of a file with "section.key=value" assignments over it. In a group the root reads it and the others get the
/// root's. @throws InputError as train::read_recipe.
train::Recipe read_recipe(const std::filesystem::path& path, const std::vector<std::string>& assignments,
                          dist::ProcessGroup& group);

/// What a training would do, without a run directory: its resolved recipe and what it needs.
struct TrainPlan {
  train::Recipe recipe;  ///< with everything that is "auto" resolved
  std::shared_ptr<const data::Source> source, target;  ///< the training parts
  int64_t map_parameters = 0, potential_parameters = 0;
  int64_t state_bytes = 0;  ///< of weights, averages and optimiser moments
  int64_t step_bytes = 0;   ///< peak of the largest update, measured on a small batch
};

/// Opens the data and builds the nets of a request, on one rank. @throws InputError for all that `train` would refuse.
TrainPlan plan_training(TrainRequest request, const Compute& compute, const TrainHooks& hooks = {});

/// Trains to the end of the recipe, or until the stop flag is set; then the step in hand is finished and saved. All ranks of
/// the group call it with equal requests.
///
/// Everything that can be refused is refused before a folder is made: paths, keys, shapes, weights of metrics.
/// @throws InputError   for a request that cannot be carried out.
/// @throws DivergedError when losses leave the finite numbers; the last good checkpoint stays.
TrainResult train(TrainRequest request, const Compute& compute = {}, const TrainHooks& hooks = {});

struct ResumeRequest {
  std::filesystem::path folder;               ///< of the run
  std::vector<std::string> assignments = {};  ///< "section.key=value"; only keys that may change on resume
  std::shared_ptr<const data::Source> source = {}, target = {};  ///< of a run that was trained on these
};

/// Continues a run where its newest whole checkpoint was saved: the result equals that of a run without the interruption.
/// @throws InputError also when the folder is no run directory, or a key may not change.
TrainResult resume(const ResumeRequest& request, const Compute& compute = {}, const TrainHooks& hooks = {});

}  // namespace monge::session

// Training as one job: makes a run directory with checkpoints, metrics, images and a report from a recipe.
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
  std::filesystem::path out = {};       ///< new run directory; if empty, the next numbered folder under `runs`
  std::filesystem::path runs = "runs";  ///< parent of the numbered folders
  bool in_memory = false;               ///< make no run directory: no checkpoints, no report; on one rank only
  std::shared_ptr<const data::Source> source = {}, target = {};  ///< used instead of source.path and target.path
};

/// Hooks of a training.
struct TrainHooks : Hooks {
  /// Attached to the root's trainer after the evaluation, so that they are called after it. They must outlive the call.
  std::vector<train::Observer*> observers = {};
  /// Called on the root after each evaluation on held-out data.
  std::function<void(int64_t iteration, const eval::Evaluation& evaluation)> evaluated = {};
  /// Called on every rank, once the recipe is known and before data are opened; for timeouts and signal handlers.
  std::function<void(const train::Recipe& recipe)> recipe_read = {};
  /// Called on every rank of a job that a launcher started. It receives a function that says how to continue the run,
  /// for the message of a failure. A process that runs alone logs this hint itself when the run fails.
  std::function<void(std::function<std::string()> hint)> resume_hint = {};
};

struct TrainResult {
  bool complete = false;                 ///< false when the stop flag ended it; the last state is saved in both cases
  int64_t iterations = 0;                ///< outer iterations done, including those of earlier processes
  std::filesystem::path folder;          ///< run directory; empty in memory, and on ranks other than the root
  double seconds = 0;                    ///< duration of the training in this process
  std::optional<eval::Evaluation> last;  ///< the last evaluation; unset if there was none
  std::vector<std::pair<std::string, std::string>> protocol;  ///< of the image evaluator; empty if there was none
  std::string summary_json;  ///< content of summary.json on one line; empty in memory and on ranks other than the root
  model::Model model;        ///< the averaged map between raw items
};

/// The recipe of a file with "section.key=value" assignments over it. In a group the root reads the file and broadcasts
/// the recipe. @throws InputError as train::read_recipe.
train::Recipe read_recipe(const std::filesystem::path& path, const std::vector<std::string>& assignments,
                          dist::ProcessGroup& group);

/// The resolved recipe of a training and the resources that it needs, without a run directory.
struct TrainPlan {
  train::Recipe recipe;                                ///< with every "auto" resolved
  std::shared_ptr<const data::Source> source, target;  ///< the training parts
  int64_t map_parameters = 0, potential_parameters = 0;
  int64_t state_bytes = 0;  ///< memory for weights, averages and optimiser moments
  int64_t step_bytes = 0;   ///< peak of the largest update, measured on a small batch
};

/// Opens the data and builds the nets and the image evaluator of a request, on one rank.
/// @throws InputError for paths, keys, shapes and weights of metrics that `train` refuses; it does not look at `out`.
TrainPlan plan_training(TrainRequest request, const Compute& compute, const TrainHooks& hooks = {});

/// Trains to the end of the recipe, or until the stop flag is set; then it finishes the iteration under way and saves
/// it. All ranks of the group call it with equal requests.
///
/// It checks paths, keys, shapes and weights of metrics before it makes a folder.
/// @throws InputError    for a request that cannot be carried out.
/// @throws DivergedError when losses are no longer finite; the last good checkpoint remains.
TrainResult train(TrainRequest request, const Compute& compute = {}, const TrainHooks& hooks = {});

struct ResumeRequest {
  std::filesystem::path folder;               ///< run directory
  std::vector<std::string> assignments = {};  ///< "section.key=value"; only keys that may change on resume
  std::shared_ptr<const data::Source> source = {}, target = {};  ///< needed by a run that was trained on sources
};

/// Continues a run from its newest whole checkpoint. With equal options and the same number of ranks, the result equals
/// that of a run without the interruption, to the bit.
/// @throws InputError, DivergedError as `train`; InputError also when the folder is no run directory, or when an
///         assignment changes a key that may not change.
TrainResult resume(const ResumeRequest& request, const Compute& compute = {}, const TrainHooks& hooks = {});

}  // namespace monge::session

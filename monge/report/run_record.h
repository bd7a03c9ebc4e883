// What the files of a run directory tell about the run, while it is under way and afterwards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/files.h"
#include "monge/eval/push_forward_error.h"
#include "monge/run/metrics_log.h"
#include "monge/train/recipe.h"

namespace monge::report {

enum class RunState {
  running,   ///< a process holds the lock of the run
  complete,  ///< the end of its recipe is reached, or it ended early as the recipe demands
  stopped    ///< neither: it was stopped, has failed or was killed; it may be resumed
};

struct RunRecord {
  std::filesystem::path folder;
  std::string name;  ///< of the folder
  RunState state = RunState::stopped;
  std::optional<train::Recipe> recipe;  ///< unset if recipe.toml cannot be read
  std::string recipe_text;              ///< of recipe.toml; may be empty
  run::MetricsLog metrics;
  std::optional<int64_t> best_iteration;              ///< of the checkpoint to which RUN/best leads
  nlohmann::ordered_json data, environment, summary;  ///< data.json and so on; null if a file is missing or damaged
  std::vector<std::string> warnings;                  ///< those of log.txt, the newest last, each once

  /// Outer iterations of the recipe; 0 if unknown.
  int64_t iterations_wanted() const { return recipe ? recipe->train.iterations : 0; }
  /// The newest evaluation; null if there is none.
  const run::EvaluationLine* last_evaluation() const;
  /// The evaluation of the checkpoint to which RUN/best leads; else the one with the smallest value of best_figure().
  /// Null if there is none.
  const run::EvaluationLine* best_evaluation() const;
  /// The figure by which the run chooses its best iteration (eval.best).
  std::string best_figure() const { return recipe ? recipe->eval.best : "target_error"; }
};

/// Reads a run directory. Files that are missing, being written or damaged are left out.
/// @throws InputError if the folder does not exist or holds no recipe.toml.
RunRecord read_run(const std::filesystem::path& folder, const Files& files = real_files());

/// The same without metrics.jsonl, which may be long; the state is running or stopped.
RunRecord read_run_without_metrics(const std::filesystem::path& folder, const Files& files = real_files());

/// How the last process of a run ended it, by summary.json and the iterations that were done: complete or stopped.
RunState recorded_end(const RunRecord& run);

/// The state of a run. @throws InputError as read_run.
RunState read_state(const std::filesystem::path& folder, const Files& files = real_files());

/// Whether the items of a run are images, by data.json.
bool is_of_images(const RunRecord& run);

/// The shape of an item of one side ("source" or "target") by data.json; empty if unknown.
std::vector<int64_t> item_shape(const RunRecord& run, const char* side = "source");

/// Whether a folder looks like a run directory: it holds a recipe.toml and an environment.json.
bool is_run_directory(const std::filesystem::path& folder);

/// "running", "complete", "stopped".
const char* name_of(RunState state);

/// The value of a metric of an evaluation; NaN if it has none.
double value_of(const run::EvaluationLine& evaluation, std::string_view name);

/// The distances that decide the verdict of an evaluation, see eval::Evaluation::decisive().
eval::PushForwardError decisive_errors(const run::EvaluationLine& evaluation);

/// The verdict of an evaluation, to follow "the map ", from its line or (older files) from its metrics.
std::string verdict_of(const run::EvaluationLine& evaluation);

/// Whether the map of an evaluation reaches its target; unset if unknown.
std::optional<bool> reaches_target(const run::EvaluationLine& evaluation);

}  // namespace monge::report

// Checkpoints: folders that exist as a whole or not at all, and whose content is verified when they are read.
//
//     checkpoints/step_000500/
//       manifest.json       format, iteration, shapes, and the sizes and hashes of the other files and its own
//       state.safetensors   map/ ema/ potential/ adam_map/ adam_potential/ ... augmentation standardise/
//       recipe.toml
//
// Random streams, schedules and the position in the data are pure functions of (recipe, iteration), so the checkpoint
// needs no state but these tensors.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/files.h"
#include "monge/core/log.h"
#include "monge/data/column_names.h"
#include "monge/data/standardise.h"
#include "monge/nn/module.h"
#include "monge/train/intervention.h"

namespace monge::train {

struct Checkpoint {
  int64_t iteration = 0;                                 ///< outer iterations done
  nn::NamedTensors tensors;                              ///< solve::Solver::state()
  std::optional<data::Standardisation> standardisation;  ///< the units of the data; unset when data.standardise is off
  data::ColumnNames columns;                             ///< the names of the data's columns, if their tables have any
  std::string recipe_toml;                               ///< the recipe with every "auto" resolved
  std::vector<int64_t> source_shape, target_shape;
  int64_t source_items = 0, target_items = 0;  ///< training items when saved; 0 for endless sources
  /// data::fingerprint of the training items. Empty where a source has none, and in old checkpoints.
  std::string source_fingerprint, target_fingerprint;
  std::optional<double> best_metric;  ///< the best value of eval.best so far; smaller is better
  int64_t best_iteration = 0;
  int64_t ranks = 1;                        ///< number of ranks of the job that saved it
  std::vector<Intervention> interventions;  ///< oldest first
  std::vector<double> divergence_watch;     ///< DivergenceWatch::state(); empty in old checkpoints
  bool evaluation_due = false;              ///< the evaluation after this iteration is still to be made
  std::vector<int64_t> sound;               ///< checkpoints to which a training that diverges returns, oldest first
};

/// Writes a hidden folder beside the final one, syncs it to the disk and renames it. After a crash or on a full disk
/// the folder exists as a whole or not at all, and older checkpoints are untouched.
/// @return the folder, `parent`/step_NNNNNN.
/// @throws SystemError with the system's reason.
std::filesystem::path save_checkpoint(const std::filesystem::path& parent, const Checkpoint& checkpoint,
                                      const Files& files = real_files());

/// Reads and verifies one checkpoint folder.
/// @throws InputError naming the file that is missing, damaged or of another version.
Checkpoint load_checkpoint(const std::filesystem::path& folder, const Files& files = real_files());

/// Whether the folder is a checkpoint, damaged or not.
bool is_checkpoint(const std::filesystem::path& folder);

/// The checkpoint folders under `parent`, oldest first. They include a step that a crash left under its hidden name
/// while it was written again.
std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& parent);

/// Loads the newest checkpoint that is whole. Damaged ones are reported to `log` and passed over.
/// @throws InputError when there is none, listing what is wrong with each.
Checkpoint load_newest(const std::filesystem::path& parent, const LogSink& log, const Files& files = real_files());

/// Renames the checkpoints after `iteration` to damaged_step_NNNNNN, or with another word. A run that fell back to
/// `iteration` saves those steps again, and a folder that could not be read must not count among the newest. A folder
/// that was set aside before under the same name is replaced.
/// @param spare  a folder that was set aside and is kept; the one that would replace it is removed instead.
void set_aside_newer(const std::filesystem::path& parent, int64_t iteration, const std::string& word = "damaged",
                     const std::filesystem::path& spare = {});

/// Removes all checkpoints but the newest `keep`, the one that `spare` names, and those after the iterations in
/// `sound`; and what a killed save left.
void prune_checkpoints(const std::filesystem::path& parent, int64_t keep, const std::filesystem::path& spare,
                       const std::vector<int64_t>& sound = {});

}  // namespace monge::train

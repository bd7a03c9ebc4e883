// The folder that a run leaves behind: everything a later command needs is in it.
//
//     runs/00007-NAME/ recipe.toml (resolved)  environment.json  log.txt  metrics.jsonl  events.out.tfevents...
//                      checkpoints/step_000500/  best -> checkpoints/step_...  samples/step_000500.png
//                      summary.json  report.html
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>

#include "monge/core/file_lock.h"
#include "monge/core/log.h"
#include "monge/train/recipe.h"

namespace monge::run {

/// Holds a run directory for this process; another one that wants it is refused.
/// @throws InputError when another process holds it.
FileLock lock_run(const std::filesystem::path& folder);

/// A folder made ready for a run, and held for it.
struct NewRun {
  std::filesystem::path folder;
  FileLock lock;
};

/// Makes the next numbered folder under `parent` ("runs"), or exactly `out` when that is not empty, and writes
/// recipe.toml and environment.json. No two processes get one number. A run in `out` that never came to its first
/// checkpoint is begun anew, and what it left is removed.
/// @throws InputError when the recipe cannot be written down (a path that is not UTF-8), or when `out` already holds a
/// run's
///               checkpoints or files that are no run's, cannot be written to, or is another process's; the folder is
///               then as it was.
NewRun create_run(const std::filesystem::path& parent, const std::filesystem::path& out, train::Recipe recipe,
                  torch::Device device);

/// What the figures of a run depend on beside the recipe: versions, processor, threads, device; JSON text.
std::string environment(torch::Device device);

/// A sink that appends lines to folder/log.txt with the time of day and passes them on.
LogSink log_to_file(const std::filesystem::path& folder, LogSink next);

}  // namespace monge::run

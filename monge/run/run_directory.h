// The folder of a run. It holds everything that a later command needs.
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

/// Locks a run directory for this process.
/// @throws InputError if another process holds the lock.
FileLock lock_run(const std::filesystem::path& folder);

/// A folder that is ready for a run, and its lock.
struct NewRun {
  std::filesystem::path folder;
  FileLock lock;
};

/// Makes the next numbered folder under `parent` ("runs"), or exactly `out` when that is not empty, and writes
/// recipe.toml and environment.json. No two processes get one number. If `out` holds a run without a checkpoint, its
/// files are removed and the run starts anew.
/// @throws InputError if the recipe cannot be written (a path that is not UTF-8), or if `out` already holds the
///                    checkpoints of a run or files that belong to no run, cannot be written to, or is locked by
///                    another process; the folder is then unchanged.
NewRun create_run(const std::filesystem::path& parent, const std::filesystem::path& out, train::Recipe recipe,
                  torch::Device device);

/// What the metrics of a run depend on besides the recipe: versions, processor, threads and device, as JSON text.
std::string environment(torch::Device device);

/// A sink that passes lines on to `next` and appends them to folder/log.txt with the time of day.
LogSink log_to_file(const std::filesystem::path& folder, LogSink next);

}  // namespace monge::run

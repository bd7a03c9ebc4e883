// The folder that a run leaves behind: everything a later command needs is in it.
//
//     runs/00007-NAME/ recipe.toml (resolved)  environment.json  log.txt  metrics.jsonl  events.out.tfevents...
//                      checkpoints/step_000500/  best -> checkpoints/step_...  samples/step_000500.png
//                      summary.json  report.html
#pragma once

#include <filesystem>
#include <string>

#include <torch/types.h>

#include "monge/core/log.h"
#include "monge/train/recipe.h"

namespace monge::run {

/// Makes the next numbered folder under `parent` ("runs"), or exactly `out` when that is not empty, and writes recipe.toml
/// and environment.json. No two processes get one number.
/// A run in `out` that never came to its first checkpoint is begun anew.
/// @throws Error when the recipe cannot be written down (a path that is not UTF-8), or when `out` already holds a run's
///               checkpoints or files that are no run's, or cannot be written to.
std::filesystem::path create_run(const std::filesystem::path& parent, const std::filesystem::path& out,
                                 train::Recipe recipe, torch::Device device);

/// Holds a run directory for one process; another one that wants it is refused. Released when the object or the process
/// ends, however it ends.
class RunLock {
 public:
  /// @throws Error when another process holds it.
  explicit RunLock(const std::filesystem::path& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int descriptor_;
};

/// What the figures of a run depend on beside the recipe: versions, processor, threads, device; JSON text.
std::string environment(torch::Device device);

/// A sink that appends lines to folder/log.txt with the time of day and passes them on.
LogSink log_to_file(const std::filesystem::path& folder, LogSink next);

}  // namespace monge::run

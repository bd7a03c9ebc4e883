// The link `best` of a run directory, which names a checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>

#include "monge/core/files.h"
#include "monge/core/log.h"

namespace monge::train {

/// Lets the link `best` of a run name a checkpoint. A link that the disk refuses costs no iteration: a warning says so.
void link_best(const std::filesystem::path& run, const std::filesystem::path& name, const LogSink& log,
               const Files& files);

/// Lets the link name the best checkpoint if it does not: after its saving, and in a resumed run, because a kill
/// between the two leaves a link to the best before. No later metric is better, so nothing else would renew it.
void renew_best_link(const std::filesystem::path& run, int64_t best_iteration, const LogSink& log, const Files& files);

}  // namespace monge::train

// The flags that monge fid, kid and stats share.
#pragma once

#include "monge/cli/command.h"
#include "monge/session/feature_distance.h"

namespace monge::cli {

/// Adds --features, --mode, --weights, --batch, --samples, --background, --on-error.
void add_feature_options(CLI::App& command, session::FeatureOptions& options);

}  // namespace monge::cli

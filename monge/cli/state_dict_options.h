// Flags for the properties of a model that a state dict without a recipe does not hold.
#pragma once

#include <CLI/CLI.hpp>

#include "monge/session/translation.h"

namespace monge::cli {

/// Adds --z-std.
void add_z_std(CLI::App& command, session::StateDictOptions& options);

/// Adds --size and --z-std.
void add_state_dict_options(CLI::App& command, session::StateDictOptions& options);

}  // namespace monge::cli

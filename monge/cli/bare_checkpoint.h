// What the file of a bare checkpoint does not say, as flags of the commands that use one.
#pragma once

#include <CLI/CLI.hpp>

#include "monge/session/translation.h"

namespace monge::cli {

/// Adds --size and --z-std.
void add_bare_options(CLI::App& command, session::BareModelOptions& bare);

}  // namespace monge::cli

// What the file of a bare checkpoint does not say, as flags of the commands that use one.
#pragma once

#include <CLI/CLI.hpp>

#include "monge/model/model.h"

namespace monge::cli {

struct BareOptions {
  int64_t size = 0;  ///< side that images are brought to; 0: not given
  double z_std = 0;  ///< standard deviation of the noise; 0: not given
};

/// Adds --size and --z-std.
void add_bare_options(CLI::App& command, BareOptions& bare);

/// Gives `model` its noise. @throws Error naming the flag that does not fit the model: one with a recipe knows its
/// noise and its size, one of vectors has no size.
void apply_bare_options(const BareOptions& bare, model::Model& model);

}  // namespace monge::cli

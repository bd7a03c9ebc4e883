// Reads the value of an assignment, for programs without a TOML parser.
#pragma once

#include <optional>
#include <string_view>

#include "monge/core/options.h"

namespace monge {

/// Reads the subset of TOML's values that bench_step, which must build without packages, accepts: true, false, numbers,
/// [lists of numbers], and text in quotes without a quote or a backslash in it. Surrounding blanks are ignored.
/// Programs with packages read all of TOML, see train::toml_value().
/// @return nothing if the text is none of these.
std::optional<OptionValue> option_value(std::string_view text);

}  // namespace monge

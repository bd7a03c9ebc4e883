// A value as it is written after the equals sign of an assignment, for programs without a reader of TOML.
#pragma once

#include <optional>
#include <string_view>

#include "monge/core/options.h"

namespace monge {

/// Reads the part of TOML's values that bench_step is given, which must build without packages: true, false, numbers,
/// [lists of numbers], and text in quotes without a quote or a backslash in it. Programs with packages read all of TOML
/// instead, see train::toml_value(). Blanks around do not matter.
/// @return  nothing where the text is none of these.
std::optional<OptionValue> option_value(std::string_view text);

}  // namespace monge

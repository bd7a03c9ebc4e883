// A value as it is written after the equals sign of an assignment.
#pragma once

#include <optional>
#include <string_view>

#include "monge/core/options.h"

namespace monge {

/// Reads what TOML writes on one line for the types that options have: true, false, 12, -1_000, 0.5, 1e-4, inf, "text"
/// with escapes, 'text' as it stands, [1, 2] and [0.5, 2] (a list of whole numbers where all are). Blanks around do not
/// matter.
/// @return  nothing where the text is none of these: a bare word, a date, a hexadecimal number.
std::optional<OptionValue> option_value(std::string_view text);

}  // namespace monge

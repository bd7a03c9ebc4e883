// Is a figure worth reading? The energy distance of a handful of samples says little.
#pragma once

#include <string>

#include "monge/data/source.h"

namespace monge::eval {

/// Fewer samples than this behind a figure are warned of: the energy distance of N and M samples of one law is about
/// E|a - a'| (1/N + 1/M), so with 50 a side 4 % of the target's own mean distance is the estimate's doing, in error and
/// floor alike.
inline constexpr int64_t kFewSamples = 50;

/// One line on what evaluate(), called with the same arguments, would rest on; "" when there is nothing to warn of.
std::string few_samples_warning(const data::Source& source, const data::Source& target, const data::Source& target_b,
                                int64_t samples);

}  // namespace monge::eval

// A warning for metrics of few samples: the energy distance of a handful of samples says little.
#pragma once

#include <string>

#include "monge/data/source.h"

namespace monge::eval {

/// Metrics of fewer samples than this get a warning. The energy distance of N and M samples of one law is about
/// E|a - a'| (1/N + 1/M). So with 50 samples a side, 4 % of the target's own mean distance comes from the estimate, in
/// error and floor alike.
inline constexpr int64_t kFewSamples = 50;

/// The warning for evaluate() with the same arguments: one line, or "" if there are enough samples.
std::string few_samples_warning(const data::Source& source, const data::Source& target, const data::Source& target_b,
                                int64_t samples);

}  // namespace monge::eval

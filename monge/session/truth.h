// Training on cases with a known answer, to measure how far from it the result of a method is.
#pragma once

#include <string>
#include <vector>

#include "monge/eval/truth.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"

namespace monge::session {

/// The case `name` with "section.key=value" assignments over its recipe, checked so that a training can begin.
/// @throws InputError for an unknown name, a dimension that the case does not have, or a key that the case fixes, that
///         has no effect on it, or whose map could not be compared with the answer.
eval::TruthCase truth_case(const std::string& name, const eval::TruthOptions& options,
                           const std::vector<std::string>& assignments, const Compute& compute, const LogSink& log);

/// Trains the case with `seed` in memory and measures the error of its averaged map.
/// @param observer  attached to the training; may be null.
/// @throws DivergedError when the losses are no longer finite.
eval::TruthResult truth(eval::TruthCase truth, int64_t seed, const Compute& compute = {}, const Hooks& hooks = {},
                        train::Observer* observer = nullptr);

}  // namespace monge::session

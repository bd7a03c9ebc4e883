// Whether a map reaches its target. A small loss does not show it, because the semi-dual problem has saddle points
// whose map misses the target.
#pragma once

#include <string>

#include "monge/eval/push_forward_error.h"

namespace monge::eval {

enum class TargetVerdict {
  unknown,  ///< a metric is missing or not finite, or the samples are too few to tell even the source from the target
  reached,  ///< the error is at most 1.5 times the floor, and the error of the source is not
  near,     ///< at most a tenth of the distance remains
  missed    ///< more remains
};

/// The fraction of the distance from source to target that remains: (error - floor) / (start - floor), where `start` is
/// the error of the source itself. 0 if nothing remains; NaN if a metric is missing or source and target hardly differ.
double remaining_fraction(const PushForwardError& errors);

TargetVerdict verdict_of(const PushForwardError& errors);

/// The verdict in words for the summary of a run: "reaches its target", "comes near its target: 4 % of the way is
/// left", ... For an error of more than 3 times the floor it also gives this ratio, because a small fraction of a long
/// distance can still be far from the target.
std::string in_words(const PushForwardError& errors);

}  // namespace monge::eval

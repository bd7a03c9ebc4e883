// Does a map reach its target? A small loss does not say so: the semi-dual problem has saddle points whose map misses
// it.
#pragma once

#include <string>

#include "monge/eval/push_forward_error.h"

namespace monge::eval {

enum class TargetVerdict {
  unknown,  ///< a figure is missing or not finite, or the samples are too few to tell even the source from the target
  reached,  ///< the error is within 1.5 of the floor, and the source's is not
  near,     ///< at most a tenth of the way is left
  missed    ///< more is left
};

/// The share of the way from the source to the target that is left: (error - floor) / (start - floor), with `start` the
/// error of the source itself. 0 where nothing is left; NaN where a figure is missing or source and target hardly
/// differ.
double way_left(const PushForwardError& figures);

TargetVerdict judge(const PushForwardError& figures);

/// The judgement in words for the summary of a run: "reaches its target", "comes near its target: 4 % of the way is
/// left", ... An error of more than 3 times the floor is also given as that ratio: a small share of a long way can be
/// far from the target.
std::string in_words(const PushForwardError& figures);

}  // namespace monge::eval

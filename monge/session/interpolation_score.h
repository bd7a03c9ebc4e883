// Scores samples between two sets, such as cells predicted for a day between two measured days.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "monge/eval/sample_comparison.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"

namespace monge::session {

/// Paths are what read_samples of samples_file.h reads.
struct InterpolationOptions {
  std::string start = {}, end = {};  ///< the sets at t = 0 and t = 1
  std::string between = {};          ///< the measured set at `t`, with which all others are compared
  std::string outputs = {};          ///< the samples to score, [N, D] or [N, K, D]
  double t = 0.5;                    ///< [0, 1]
  int64_t plan_points = 2048;        ///< samples of each side in an exact plan; [2, eval::kMostPlanPoints]
  int64_t seed = 0;                  ///< of the choice of these samples
};

struct InterpolationScore {
  /// In the order in which they are shown: "outputs"; "start", "end" and "plan", the interpolation along the exact plan
  /// of samples of start and end; "floor", two halves of the measured set.
  std::vector<std::pair<std::string, eval::SampleDistances>> rows;
  int64_t outputs = 0, between = 0;  ///< numbers of samples
  int64_t plan_points = 0;           ///< that were used
  int64_t midpoints = 0;             ///< samples of "plan"
  double bandwidth = 0;              ///< of the kernel
};

/// @throws InputError for a missing file, values that are not finite, tables of different columns, too few samples, or
///         an option out of its range.
InterpolationScore score_interpolation(const InterpolationOptions& options, const Compute& compute = {},
                                       const Hooks& hooks = {});

}  // namespace monge::session

// What changes with the outer iteration: the weak cost's gamma and the learning rate. Pure functions of the iteration,
// so that a resumed run needs no state for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monge/core/registry.h"

namespace monge::ot {

/// From `begin` to `end` in a straight line over `iterations` outer iterations, then constant. 0 iterations: `end` at
/// once.
double linear_ramp(double begin, double end, int64_t iterations, int64_t iteration);

/// Learning-rate schedule, a factor on the rate.
struct RateSchedule {
  std::string kind = "constant";      ///< see rate_schedules
  int64_t total = 0;                  ///< outer iterations of the whole run; needed by cosine
  int64_t warmup = 0;                 ///< linear warm-up from 0, outer iterations, before any of the kinds
  std::vector<int64_t> milestones{};  ///< outer iterations, ascending
  double decay = 0.5;                 ///< factor at a milestone, > 0
  double floor = 0.0;                 ///< last factor of the cosine, in [0, 1]
};

/// The kinds by name, each the factor at an outer iteration without the warm-up: constant (1), cosine (to `floor` at
/// `total`), steps (times `decay` at each milestone).
using RateFactor = double (*)(const RateSchedule& schedule, int64_t iteration);
Registry<RateFactor>& rate_schedules();

/// The factor at an outer iteration (0-based), in [0, 1] for decay <= 1.
/// @throws InputError for an unknown kind.
double rate_factor(const RateSchedule& schedule, int64_t iteration);

}  // namespace monge::ot

// The schedules of the weak cost's gamma and of the learning rate: pure functions of the outer iteration, so that a
// resumed run needs no state for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monge/core/registry.h"

namespace monge::ot {

/// Goes linearly from `begin` to `end` over `iterations` outer iterations and is then constant; `end` at once if
/// `iterations` is 0.
double linear_ramp(double begin, double end, int64_t iterations, int64_t iteration);

/// Learning-rate schedule, a factor on the rate.
struct RateSchedule {
  std::string kind = "constant";      ///< see rate_schedules
  int64_t total = 0;                  ///< outer iterations of the whole run; needed by cosine
  int64_t warmup = 0;                 ///< outer iterations of a linear warm-up from 0; it multiplies any kind
  std::vector<int64_t> milestones{};  ///< outer iterations, ascending
  double decay = 0.5;                 ///< factor at a milestone, > 0
  double floor = 0.0;                 ///< last factor of the cosine, in [0, 1]
};

/// The kinds by name. Each gives the factor at an outer iteration, without the warm-up:
///
///     constant  1
///     cosine    from 1 after the warm-up to `floor` at `total`
///     steps     multiplied by `decay` at each milestone
using RateFactor = double (*)(const RateSchedule& schedule, int64_t iteration);
Registry<RateFactor>& rate_schedules();

/// The factor at an outer iteration (0-based), in [0, 1] for decay <= 1.
/// @throws InputError for an unknown kind.
double rate_factor(const RateSchedule& schedule, int64_t iteration);

}  // namespace monge::ot

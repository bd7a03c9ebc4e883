#include "monge/ot/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "monge/core/error.h"

namespace monge::ot {

double linear_ramp(double begin, double end, int64_t iterations, int64_t iteration) {
  if (iteration >= iterations) return end;
  return begin + (end - begin) * static_cast<double>(iteration) / static_cast<double>(iterations);
}

double rate_factor(const RateSchedule& schedule, int64_t iteration) {
  const double warm =
      iteration < schedule.warmup ? static_cast<double>(iteration + 1) / static_cast<double>(schedule.warmup) : 1.0;
  if (schedule.kind == "constant") return warm;
  if (schedule.kind == "cosine") {
    const double length = static_cast<double>(std::max<int64_t>(schedule.total - schedule.warmup, 1));
    const double done = std::clamp(static_cast<double>(iteration - schedule.warmup) / length, 0.0, 1.0);
    return warm * (schedule.floor + (1 - schedule.floor) * 0.5 * (1 + std::cos(std::numbers::pi * done)));
  }
  require(schedule.kind == "steps", "unknown schedule \"", schedule.kind, "\" (allowed: constant, cosine, steps)");
  const auto passed = std::count_if(schedule.milestones.begin(), schedule.milestones.end(),
                                    [&](int64_t milestone) { return iteration >= milestone; });
  return warm * std::pow(schedule.decay, static_cast<double>(passed));
}

}  // namespace monge::ot

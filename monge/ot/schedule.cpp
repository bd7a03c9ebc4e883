#include "monge/ot/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace monge::ot {
namespace {

double constant_factor(const RateSchedule&, int64_t) { return 1.0; }

double cosine_factor(const RateSchedule& s, int64_t iteration) {
  const double length = static_cast<double>(std::max<int64_t>(s.total - s.warmup, 1));
  const double done = std::clamp(static_cast<double>(iteration - s.warmup) / length, 0.0, 1.0);
  return s.floor + (1 - s.floor) * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

double steps_factor(const RateSchedule& s, int64_t iteration) {
  const auto passed = std::count_if(s.milestones.begin(), s.milestones.end(),
                                    [&](int64_t milestone) { return iteration >= milestone; });
  return std::pow(s.decay, static_cast<double>(passed));
}

}  // namespace

double linear_ramp(double begin, double end, int64_t iterations, int64_t iteration) {
  if (iteration >= iterations) return end;
  return begin + (end - begin) * static_cast<double>(iteration) / static_cast<double>(iterations);
}

Registry<RateFactor>& rate_schedules() {
  static Registry<RateFactor> schedules(
      "schedule", {{"constant", constant_factor}, {"cosine", cosine_factor}, {"steps", steps_factor}});
  return schedules;
}

double rate_factor(const RateSchedule& schedule, int64_t iteration) {
  const double warm =
      iteration < schedule.warmup ? static_cast<double>(iteration + 1) / static_cast<double>(schedule.warmup) : 1.0;
  return warm * rate_schedules().at(schedule.kind)(schedule, iteration);
}

}  // namespace monge::ot

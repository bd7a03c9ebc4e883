#include "monge/eval/target_verdict.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace monge::eval {
namespace {

constexpr double kMostOfFloor = 1.5;  // samples of the target itself hardly ever exceed this
constexpr double kNearFraction = 0.1;
constexpr double kLeastRatioReported = 3;  // affects the wording alone: below it the error is close to a perfect map's

bool is_measured(const PushForwardError& f) {
  return std::isfinite(f.error) && std::isfinite(f.floor) && std::isfinite(f.start);
}

/// " (the error is 255 times its floor)"; empty up to kLeastRatioReported and without a floor.
std::string floor_ratio(const PushForwardError& f) {
  if (!(f.floor > 0) || f.error <= kLeastRatioReported * f.floor) return {};
  const double ratio = f.error / f.floor;
  char out[64];
  std::snprintf(out, sizeof out,
                ratio < 10    ? " (the error is %.1f times its floor)"
                : ratio < 1e6 ? " (the error is %.0f times its floor)"
                              : " (the error is %.1e times its floor)",
                ratio);
  return out;
}

}  // namespace

double remaining_fraction(const PushForwardError& f) {
  const double distance = f.start - f.floor;
  if (std::isfinite(f.error) && f.error <= f.floor) return 0;
  return distance > (kMostOfFloor - 1) * f.floor ? (f.error - f.floor) / distance
                                                 : std::numeric_limits<double>::quiet_NaN();
}

TargetVerdict verdict_of(const PushForwardError& f) {
  if (!is_measured(f)) return TargetVerdict::unknown;
  // All-pairs estimates are too high by a fraction of the spread that grows with the dimension. If that bias hides the
  // distance of the source, it would hide the distance of any map.
  if (f.error <= kMostOfFloor * f.floor)
    return f.start > kMostOfFloor * f.floor ? TargetVerdict::reached : TargetVerdict::unknown;
  return remaining_fraction(f) <= kNearFraction ? TargetVerdict::near : TargetVerdict::missed;
}

std::string in_words(const PushForwardError& f) {
  char left[64] = "";
  if (const double remaining = remaining_fraction(f); remaining > 1.05) {
    std::snprintf(left, sizeof left, ": it is farther from the target than the source itself");
  } else if (remaining < 0.005) {
    std::snprintf(left, sizeof left, ": less than 1 %% of the way is left");
  } else if (std::isfinite(remaining)) {
    std::snprintf(left, sizeof left, ": %.0f %% of the way is left", 100 * remaining);
  }
  switch (verdict_of(f)) {
    case TargetVerdict::reached:
      return "reaches its target";
    case TargetVerdict::near:
      return std::string("comes near its target") + left + floor_ratio(f);
    case TargetVerdict::missed:
      return std::string("MISSES its target") + left + floor_ratio(f);
    case TargetVerdict::unknown:
      break;
  }
  return is_measured(f) ? "cannot be judged: by these samples the source is as near to the target as the outputs; "
                          "raise eval.samples"
                        : "was not measured against its target";
}

}  // namespace monge::eval

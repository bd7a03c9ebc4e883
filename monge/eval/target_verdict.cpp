#include "monge/eval/target_verdict.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace monge::eval {
namespace {

constexpr double kOfFloor = 1.5;  // what samples of the target itself hardly ever exceed
constexpr double kNearShare = 0.1;
constexpr double kRatioTold = 3;  // only of the wording: below it the error is close to what a perfect map shows

bool is_measured(const PushForwardError& f) {
  return std::isfinite(f.error) && std::isfinite(f.floor) && std::isfinite(f.start);
}

/// " (the error is 255 times its floor)"; empty for up to kRatioTold, and where there is no floor to compare with.
std::string floor_ratio(const PushForwardError& f) {
  if (!(f.floor > 0) || f.error <= kRatioTold * f.floor) return {};
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

double way_left(const PushForwardError& f) {
  const double way = f.start - f.floor;
  if (std::isfinite(f.error) && f.error <= f.floor) return 0;
  return way > (kOfFloor - 1) * f.floor ? (f.error - f.floor) / way : std::numeric_limits<double>::quiet_NaN();
}

TargetVerdict judge(const PushForwardError& f) {
  if (!is_measured(f)) return TargetVerdict::unknown;
  // All-pairs estimates are too high by a share of the spread that grows with the dimension: where that hides the
  // source's distance, it would hide any map's.
  if (f.error <= kOfFloor * f.floor)
    return f.start > kOfFloor * f.floor ? TargetVerdict::reached : TargetVerdict::unknown;
  return way_left(f) <= kNearShare ? TargetVerdict::near : TargetVerdict::missed;
}

std::string in_words(const PushForwardError& f) {
  char left[64] = "";
  if (const double share = way_left(f); share > 1.05) {
    std::snprintf(left, sizeof left, ": it is farther off than the source itself");
  } else if (std::isfinite(share)) {
    std::snprintf(left, sizeof left, ": %.0f %% of the way is left", 100 * share);
  }
  switch (judge(f)) {
    case TargetVerdict::reached:
      return "reaches its target";
    case TargetVerdict::near:
      return std::string("comes near its target") + left + floor_ratio(f);
    case TargetVerdict::missed:
      return std::string("MISSES its target") + left + floor_ratio(f);
    case TargetVerdict::unknown:
      break;
  }
  return is_measured(f)
             ? "cannot be judged: by these samples the source itself is as near to the target (more: eval.samples)"
             : "was not measured against its target";
}

}  // namespace monge::eval

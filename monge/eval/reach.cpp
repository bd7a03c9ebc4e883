#include "monge/eval/reach.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace monge::eval {
namespace {

constexpr double kOfFloor = 1.5;   // the floor of energy distances of some hundred samples scatters by about a third
constexpr double kNearShare = 0.1;

}  // namespace

double way_left(const PushForward& f) {
  const double way = f.start - f.floor;
  if (std::isfinite(f.error) && f.error <= f.floor) return 0;
  return way > 0.5 * f.floor ? (f.error - f.floor) / way : std::numeric_limits<double>::quiet_NaN();
}

Reach judge(const PushForward& f) {
  if (!std::isfinite(f.error) || !std::isfinite(f.floor)) return Reach::unknown;
  if (f.error <= kOfFloor * f.floor) return Reach::reached;
  // Without a way to measure by (source and target alike) an error above the floor is the map's own doing.
  return way_left(f) <= kNearShare ? Reach::near : Reach::missed;
}

std::string in_words(const PushForward& f) {
  char left[64] = "";
  if (const double share = way_left(f); std::isfinite(share)) {
    std::snprintf(left, sizeof left, share > 1 ? ": it is farther off than the source itself" : ": %.2g %% of the way is left",
                  100 * share);
  }
  switch (judge(f)) {
    case Reach::reached: return "reaches its target";
    case Reach::near: return std::string("comes near its target") + left;
    case Reach::missed: return std::string("MISSES its target") + left;
    case Reach::unknown: break;
  }
  return "was not measured against its target";
}

}  // namespace monge::eval

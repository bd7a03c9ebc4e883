#include "monge/run/axis.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace monge::run {
namespace {

constexpr double kTickCount = 5;  // about so many ticks an axis

/// 1, 2 or 5 times a power of ten, at least `step`.
double round_up(double step) {
  const double unit = std::pow(10, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (step <= factor * unit * (1 + 1e-9)) return factor * unit;
  }
  return 10 * unit;
}

/// The multiples of `step` in [low, high], at most 20.
std::vector<double> multiples(double step, double low, double high) {
  std::vector<double> out;
  const double first = std::ceil(low / step - 1e-9);
  for (double k = first; k * step <= high + 1e-9 * step && out.size() < 20; ++k) out.push_back(k == 0 ? 0 : k * step);
  return out;
}

}  // namespace

double Axis::position(double value) const {
  if (!std::isfinite(value) || (log && value <= 0)) return std::numeric_limits<double>::quiet_NaN();
  return ((log ? std::log10(value) : value) - low) / (high - low);
}

Axis fit_axis(const std::vector<double>& values, bool log) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : values) {
    if (!std::isfinite(value) || (log && value <= 0)) continue;
    const double position = log ? std::log10(value) : value;
    low = std::min(low, position);
    high = std::max(high, position);
  }
  if (low > high) low = high = 0;
  // By halves, so that the width is finite even for values near the largest double.
  const double half_width = high / 2 - low / 2;
  const double room = half_width > 1e-12 * std::abs(low) ? 0.08 * half_width : std::max(0.5 * std::abs(low), 0.5);
  Axis axis{.low = low - room, .high = high + room, .log = log, .ticks = {}};
  axis.low = std::max(axis.low, -1e300);
  axis.high = std::min(axis.high, 1e300);

  const double step = round_up((axis.high - axis.low) / kTickCount);
  if (!log) {
    axis.ticks = multiples(step, axis.low, axis.high);
  } else {
    for (const double power : multiples(std::max(step, 1.0), axis.low, axis.high)) {
      axis.ticks.push_back(std::pow(10, power));
    }
    if (axis.ticks.size() < 2) {  // within one power of ten: ticks at round values, as on a linear axis
      const double from = std::pow(10, axis.low), to = std::pow(10, axis.high);
      axis.ticks = multiples(round_up((to - from) / kTickCount), from, to);
    }
  }
  std::erase_if(axis.ticks, [&](double tick) { return !std::isfinite(axis.position(tick)); });
  return axis;
}

}  // namespace monge::run

// One axis of a plot: its range, and ticks at round numbers.
#pragma once

#include <string>
#include <vector>

namespace monge::run {

struct Axis {
  double low = 0, high = 1;   ///< low < high; of the logarithms if `log`
  bool log = false;           ///< whether the axis is that of the decimal logarithm
  std::vector<double> ticks;  ///< values, not logarithms, inside the range, rising

  /// The position of `value`, 0 at low and 1 at high, possibly beyond; NaN if the value or its logarithm is not finite.
  double position(double value) const;
};

/// An axis a little longer than the range of the finite values, with about 5 ticks at multiples of 1, 2 or 5 times a
/// power of ten. With one value or none there is room on both sides. A logarithmic axis ignores values of 0 and
/// below.
Axis fit_axis(const std::vector<double>& values, bool log = false);

}  // namespace monge::run

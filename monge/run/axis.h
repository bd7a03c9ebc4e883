// One axis of a plot: its range, and round numbers on it.
#pragma once

#include <string>
#include <vector>

namespace monge::run {

struct Axis {
  double low = 0, high = 1;   ///< low < high; of the logarithms when `log`
  bool log = false;           ///< decimal logarithm
  std::vector<double> ticks;  ///< values as they are labelled, inside the range, rising

  /// Where `value` stands from 0 (low) to 1 (high), possibly beyond; NaN if it has no place (not finite, or no
  /// logarithm).
  double position(double value) const;
};

/// A range a little larger than that of the finite values, with about 5 ticks at 1, 2 or 5 times a power of ten. A
/// range of no or one value gets room around it. A logarithmic axis looks at positive values alone.
Axis fit_axis(const std::vector<double>& values, bool log = false);

}  // namespace monge::run

// The text of a training's status line, for the process that trains and for those that watch it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "monge/eval/push_forward_error.h"

namespace monge::cli {

/// The target error between that of the inputs and its floor: "target [#######---] 0.021 (floor 0.012)". The bar is the
/// fraction of the way from source to target that is done. Empty if the error is not known.
std::string target_text(const eval::PushForwardError& errors);

/// Iterations per second over the newest of them.
class IterationRate {
 public:
  /// @param seconds  of any clock, not decreasing.
  void add(double seconds, int64_t done);

  /// "3.2 iterations/s, 410 images/s"; empty before there is a rate.
  /// @param samples_per_iteration  in the map's updates.  @param unit  "images" or "rows".
  std::string text(int64_t samples_per_iteration, const std::string& unit) const;

 private:
  std::deque<std::pair<double, int64_t>> marks_;
};

}  // namespace monge::cli

// Estimates how long work of equal units will still take.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace monge {

/// Estimates the remaining time from the rate in the later half of the time so far:
///
///     left = (total - done) (t_now - t_mark) / (done_now - done_mark),   t_mark the last mark with t_mark <= t_now / 2
///
/// The first units warm up (memory is allocated, caches fill, GPU kernels are selected and recorded), so the estimate
/// ignores everything before the second mark. The later half forgets slow periods at the start or while another program
/// ran. The class takes times as arguments and reads no clock.
class RemainingTime {
 public:
  /// @param total  units of the whole work.
  explicit RemainingTime(int64_t total) : total_(total) {}

  /// Adds a mark: `done` units were done `seconds` after the start. Neither argument may decrease.
  void add(double seconds, int64_t done);

  /// The remaining time in seconds. There is no estimate in the first second, before the fifth mark (before the third
  /// one if they are far apart), if nothing was done since the reference mark, and if no work is left.
  std::optional<double> seconds() const;

 private:
  struct Mark {
    double seconds;
    int64_t done;
  };

  int64_t total_;
  int64_t added_ = 0;
  std::deque<Mark> marks_;  ///< the first is the reference, the last the newest
};

}  // namespace monge

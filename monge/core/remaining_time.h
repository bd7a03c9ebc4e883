// How long work of equal units will still take.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace monge {

/// Estimates the remaining time by the pace of the later half of the time so far:
///
///     left = (total - done) (t_now - t_mark) / (done_now - done_mark),   t_mark the last mark with t_mark <= t_now / 2
///
/// The first units warm up (memory is taken, caches are filled, GPU kernels are chosen and recorded), so nothing before
/// the second mark counts, and the later half forgets what was slow at the start or while another program ran. Takes
/// times as arguments and reads no clock.
class RemainingTime {
 public:
  /// @param total  units of the whole work.
  explicit RemainingTime(int64_t total) : total_(total) {}

  /// A mark: `done` units were done `seconds` after the start. Neither argument ever falls.
  void add(double seconds, int64_t done);

  /// Seconds. None in the first second, before five marks have come (or three that are far apart), where nothing was
  /// done since the mark that counts, and where nothing is left.
  std::optional<double> seconds() const;

 private:
  struct Mark {
    double seconds;
    int64_t done;
  };

  int64_t total_;
  int64_t added_ = 0;
  std::deque<Mark> marks_;  ///< the first is the one that counts, the last the newest
};

}  // namespace monge

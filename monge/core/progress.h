// A status line for long work, with an estimate of the time left.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "monge/core/remaining_time.h"

namespace monge {

/// Shows "label  120/3000  4 %  12 s left  suffix". The time left appears once it can be estimated (RemainingTime). On
/// a terminal the line is redrawn in place, at most ten times a second. Elsewhere a plain line is written every
/// `plain_seconds`. The style `quiet` shows nothing.
class Progress {
 public:
  enum class Style { terminal, plain, quiet };

  /// @param out    the stream to write to, usually std::cerr. It must outlive the object.
  /// @param total  units of work, > 0. The first `done` may have any value (a resumed run).
  Progress(std::ostream& out, Style style, std::string label, int64_t total, double plain_seconds = 15);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(int64_t done, const std::string& suffix = {});
  /// Ends the line, so that other text can follow. A later update starts a new line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(int64_t done, const std::string& suffix) const;

  std::ostream& out_;
  Style style_;
  std::string label_;
  int64_t total_;
  double plain_seconds_;
  Clock::time_point began_, last_;
  RemainingTime remaining_;
  bool open_ = false, shown_ = false;
  size_t width_ = 0;
  int64_t last_done_ = -1;
  std::string last_suffix_;
};

/// "8 s", "3 min 20 s", "2 h 05 min".
std::string duration(double seconds);

}  // namespace monge

// One status line for long work, with the time left.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "monge/core/remaining_time.h"

namespace monge {

/// Shows "label  120/3000  4 %  12 s left  suffix"; the time left from when it can be told (RemainingTime). On a
/// terminal the line is redrawn in place, at most ten times a second; elsewhere a plain line is written every
/// `plain_seconds`. Quiet shows nothing.
class Progress {
 public:
  enum class Style { terminal, plain, quiet };

  /// @param out   where to write; must outlive the object. Usually std::cerr.
  /// @param total units of work, > 0. The first `done` may be any (a resumed run).
  Progress(std::ostream& out, Style style, std::string label, int64_t total, double plain_seconds = 15);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(int64_t done, const std::string& suffix = {});
  /// Ends the line, so that other text can follow; a later update starts a new one.
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

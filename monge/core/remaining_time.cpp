#include "monge/core/remaining_time.h"

namespace monge {
namespace {

constexpr int64_t kWarmUp = 2;         // marks before this one are ignored
constexpr int64_t kLeastMarks = 3;     // after the warm-up, unless they span kLongEnough
constexpr double kLongEnough = 5;      // seconds: slow units need fewer marks
constexpr double kLeastSeconds = 1;    // since the start
constexpr double kFinest = 1.0 / 256;  // as a fraction of the time so far: closer marks are merged

}  // namespace

void RemainingTime::add(double seconds, int64_t done) {
  if (++added_ < kWarmUp) return;
  // A mark that follows soon replaces the newest one, so that the number of marks is bounded.
  const size_t kept = marks_.size();
  if (kept > 1 && added_ > kWarmUp + kLeastMarks &&
      marks_[kept - 1].seconds - marks_[kept - 2].seconds < kFinest * seconds)
    marks_.pop_back();
  marks_.push_back({seconds, done});
  while (marks_.size() > 1 && marks_[1].seconds <= seconds / 2) marks_.pop_front();
}

std::optional<double> RemainingTime::seconds() const {
  if (marks_.size() < 2) return {};
  const auto &from = marks_.front(), &to = marks_.back();
  if (added_ < kWarmUp + kLeastMarks && to.seconds - from.seconds < kLongEnough) return {};
  if (to.seconds < kLeastSeconds || to.done <= from.done || to.done >= total_) return {};
  return static_cast<double>(total_ - to.done) * (to.seconds - from.seconds) / static_cast<double>(to.done - from.done);
}

}  // namespace monge

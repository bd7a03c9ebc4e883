#include "monge/core/remaining_time.h"

namespace monge {
namespace {

constexpr int64_t kWarmUp = 2;         // nothing before this mark counts
constexpr int64_t kLeastMarks = 3;     // behind it, unless they cover
constexpr double kLongEnough = 5;      // seconds: of slow units each says enough
constexpr double kLeastSeconds = 1;    // since the start
constexpr double kFinest = 1.0 / 256;  // of the time so far: marks that are closer than this are joined

}  // namespace

void RemainingTime::add(double seconds, int64_t done) {
  if (++added_ < kWarmUp) return;
  // The newest mark gives way to one that comes soon after it, so that their number is bounded.
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

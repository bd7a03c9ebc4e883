#include "monge/cli/training_line.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/eval/target_verdict.h"
#include "monge/report/findings.h"

namespace monge::cli {

std::string target_text(const eval::PushForwardError& errors) {
  constexpr int kWidth = 10;
  if (!std::isfinite(errors.error)) return {};
  std::string out = "target ";
  if (const double left = eval::remaining_fraction(errors); std::isfinite(left)) {
    const int done = static_cast<int>(std::floor(kWidth * std::clamp(1 - left, 0.0, 1.0)));
    out += "[" + std::string(done, '#') + std::string(kWidth - done, '-') + "] ";
  }
  out += number(errors.error, 3);
  return std::isfinite(errors.floor) ? out + " (floor " + number(errors.floor, 3) + ")" : out;
}

void IterationRate::add(double seconds, int64_t done) {
  constexpr size_t kWindow = 20;
  marks_.emplace_back(seconds, done);
  if (marks_.size() > kWindow) marks_.pop_front();
}

std::string IterationRate::text(int64_t samples_per_iteration, const std::string& unit) const {
  if (marks_.size() < 2) return {};
  const double seconds = marks_.back().first - marks_.front().first;
  const auto done = marks_.back().second - marks_.front().second;
  if (seconds <= 0 || done <= 0) return {};
  const double rate = static_cast<double>(done) / seconds;
  const auto samples = std::llround(rate * static_cast<double>(samples_per_iteration));
  return monge::text(number(rate, 3), " iterations/s, ", report::grouped(samples), " ", unit, "/s");
}

}  // namespace monge::cli

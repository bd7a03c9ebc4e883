#include "monge/run/second_half.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace monge::run {
namespace {

constexpr std::string_view kEvaluation =
    "eval.";  // the prefix that parse_metrics gives to the metrics of an evaluation

}  // namespace

std::vector<SecondHalf> second_half(const MetricsLog& log, int64_t iterations,
                                    const std::function<bool(std::string_view)>& is_distance) {
  std::vector<SecondHalf> out;
  for (const auto& curve : log.curves) {
    if (!curve.name.starts_with(kEvaluation)) continue;
    const auto name = curve.name.substr(kEvaluation.size());
    if (!is_distance(name)) continue;
    SecondHalf span{.name = name, .best = INFINITY, .last = NAN, .worst = -INFINITY};
    for (size_t i = 0; i < curve.x.size(); ++i) {
      if (2 * curve.x[i] < static_cast<double>(iterations) || !std::isfinite(curve.y[i])) continue;
      span.best = std::min(span.best, curve.y[i]);
      span.worst = std::max(span.worst, curve.y[i]);
      span.last = curve.y[i];
    }
    if (std::isfinite(span.last)) out.push_back(span);
  }
  return out;
}

}  // namespace monge::run

#include "monge/run/second_half.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace monge::run {
namespace {

constexpr std::string_view kEvaluation = "eval.";  // what parse_metrics puts before an evaluation's figures

bool is_distance(const std::string& name) {
  if (name.ends_with("_floor") || name.ends_with("_stderr")) return false;
  constexpr std::array<std::string_view, 6> whole = {"target_error", "feature_error", "fid", "kid", "mse", "lpips"};
  return std::find(whole.begin(), whole.end(), name) != whole.end() || name.starts_with("fd_") || name.starts_with("kd_");
}

}  // namespace

std::vector<SecondHalf> second_half(const MetricsLog& log, int64_t iterations) {
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

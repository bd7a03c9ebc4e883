#include "monge/dist/stall_detector.h"

#include <algorithm>

namespace monge::dist {

void StallDetector::restart(Time now) {
  for (auto& rank : ranks_) rank.last_progress = rank.last_level = now;
}

void StallDetector::record(size_t rank, const CollectiveProgress& progress, Time now) {
  auto& known = ranks_[rank];
  if (progress.entered != known.progress.entered || progress.left != known.progress.left)
    known.last_progress = known.last_level = now;
  known.progress = progress;
}

std::optional<Stall> StallDetector::find(Time now, Seconds timeout) {
  int64_t furthest = 0;
  for (const auto& rank : ranks_) furthest = std::max(furthest, rank.progress.entered);
  bool all_stalled = true, any_inside = false;
  for (size_t i = 0; i < ranks_.size(); ++i) {
    auto& rank = ranks_[i];
    if (rank.progress.entered == furthest) rank.last_level = now;
    all_stalled = all_stalled && Seconds(now - rank.last_progress) > timeout;
    any_inside = any_inside || rank.progress.left < rank.progress.entered;
    if (Seconds(now - rank.last_level) > timeout && !rank.left) return Stall{i, rank.progress.entered + 1};
  }
  if (all_stalled && any_inside) return Stall{};
  return {};
}

}  // namespace monge::dist

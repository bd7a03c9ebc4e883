// The result of a run, without choosing its luckiest evaluation.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "monge/run/metrics_log.h"

namespace monge::run {

/// A metric over the evaluations of the second half of a run. Korotin et al. 2023 (kernel NOT) report all three,
/// because the metrics of adversarial training swing.
struct SecondHalf {
  std::string name;
  double best = 0, last = 0, worst = 0;  ///< smaller is better
};

/// The distances among the evaluations' metrics, in the order of the file, without those that have no finite value in
/// that half.
/// @param iterations   the iterations of the whole run so far.
/// @param is_distance  whether the metric of this name is a distance, smaller is better.
std::vector<SecondHalf> second_half(const MetricsLog& log, int64_t iterations,
                                    const std::function<bool(std::string_view)>& is_distance);

}  // namespace monge::run

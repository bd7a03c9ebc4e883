// What a run came to, without picking its luckiest moment.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "monge/run/report.h"

namespace monge::run {

/// A metric over the evaluations of the second half of a run. Korotin et al. 2023 (kernel NOT) report all three,
/// because the metrics of adversarial training swing.
struct SecondHalf {
  std::string name;
  double best = 0, last = 0, worst = 0;  ///< smaller is better
};

/// Of the evaluations' distances, in the order of the file; those without a finite value in that half are left out.
/// @param iterations   of the whole run so far.
/// @param is_distance  whether the metric of this name is a distance, smaller is better.
std::vector<SecondHalf> second_half(const MetricsLog& log, int64_t iterations,
                                    const std::function<bool(std::string_view)>& is_distance);

}  // namespace monge::run

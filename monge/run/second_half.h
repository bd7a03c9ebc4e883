// What a run came to, without picking its luckiest moment.
#pragma once

#include <string>
#include <vector>

#include "monge/run/report.h"

namespace monge::run {

/// A figure over the evaluations of the second half of a run. Korotin et al. 2023 (kernel NOT) report all three,
/// because the figures of adversarial training swing.
struct SecondHalf {
  std::string name;
  double best = 0, last = 0, worst = 0;  ///< smaller is better
};

/// Of the distances to the target (target_error, feature_error, fid, kid, fd_*, kd_*) and from the input (mse, lpips),
/// in the order of the file; those without a finite value in that half are left out.
/// @param iterations  of the whole run so far.
std::vector<SecondHalf> second_half(const MetricsLog& log, int64_t iterations);

}  // namespace monge::run

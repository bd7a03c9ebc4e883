// Names of the figures of an evaluation, as metrics.jsonl and recipes use them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace monge {

/// Key and value, in the order in which they are shown.
using NamedFigures = std::vector<std::pair<std::string, double>>;

/// Whether the name is that of a distance, smaller is better: target_error, feature_error, fid, kid, fd_NAME, kd_NAME
/// from the target; mse, lpips from the input. Not the floors and standard errors beside them.
bool is_distance(std::string_view name);

}  // namespace monge

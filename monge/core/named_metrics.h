// The metrics of an evaluation by the names that metrics.jsonl and recipes use.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace monge {

/// Names and values, in the order in which they are shown.
using NamedMetrics = std::vector<std::pair<std::string, double>>;

}  // namespace monge

// Names of the figures of an evaluation, as metrics.jsonl and recipes use them.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace monge {

/// Key and value, in the order in which they are shown.
using NamedFigures = std::vector<std::pair<std::string, double>>;

}  // namespace monge

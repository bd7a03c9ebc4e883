// Suggestions for misspelt names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace monge {

/// The entry of `known` with the smallest edit distance to `name`, or "" when no distance is within a third of the
/// name's length + 1.
std::string nearest(std::string_view name, const std::vector<std::string>& known);

/// The number of complaints in a list that are shown.
inline constexpr size_t kMostListed = 20;

/// The first `most` of `lines`, each indented on a line of its own, then "and N more" if `total` is larger.
std::string listed(const std::vector<std::string>& lines, size_t total, size_t most = kMostListed);

/// "a, b, c".
std::string join(const std::vector<std::string>& names, std::string_view separator = ", ");

/// "did you mean \"x\"?", or "" when nothing is near.
std::string suggestion(std::string_view name, const std::vector<std::string>& known);

}  // namespace monge

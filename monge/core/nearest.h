// Suggestions for misspelt names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace monge {

/// The entry of `known` with the smallest edit distance to `name`, or "" when none is within a third of its length + 1.
std::string nearest(std::string_view name, const std::vector<std::string>& known);

/// How many of a list of complaints are shown.
inline constexpr size_t kMostListed = 20;

/// The first `most` of `lines`, each on a new line and indented, then "and N more" where there are `total` of them.
std::string listed(const std::vector<std::string>& lines, size_t total, size_t most = kMostListed);

/// "a, b, c".
std::string join(const std::vector<std::string>& names, std::string_view separator = ", ");

/// "did you mean \"x\"?", or "" when nothing is near.
std::string suggestion(std::string_view name, const std::vector<std::string>& known);

}  // namespace monge

// Suggestions for misspelt names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace monge {

/// The entry of `known` with the smallest edit distance to `name`, or "" when none is within a third of its length + 1.
std::string nearest(std::string_view name, const std::vector<std::string>& known);

/// "a, b, c".
std::string join(const std::vector<std::string>& names, std::string_view separator = ", ");

/// "did you mean \"x\"?", or "" when nothing is near.
std::string suggestion(std::string_view name, const std::vector<std::string>& known);

}  // namespace monge

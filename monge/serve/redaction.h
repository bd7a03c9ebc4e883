// Removes the folders of the machine from texts that clients get.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace monge::serve {

/// The text with the last component alone of each absolute path: "faces: 400 images" of "/data/2026/faces: 400 images".
/// A path begins with "/" at the start or after a space, a quote, a bracket, "=" or ":", has at least two components,
/// and ends before a space, a quote, a bracket or a comma. Addresses such as https://example.org/a are no paths.
std::string without_folders(std::string_view text);

/// The same for all texts in a JSON value.
void remove_folders(nlohmann::ordered_json& value);

}  // namespace monge::serve

// Texts of other people's software, which the build puts into the program (cmake/EmbedFiles.cmake).
#pragma once

#include <string_view>

namespace monge::cli {

/// The text of cmake/third_party.json.
/// @throws SystemError for a name that the build does not hold.
std::string_view embedded_file(std::string_view name);

}  // namespace monge::cli

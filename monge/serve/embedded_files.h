// The page of the server, which the build puts into the library (cmake/EmbedFiles.cmake).
#pragma once

#include <string_view>

namespace monge::serve {

/// The text of a file in monge/serve/pages.
/// @throws SystemError for a name that the build does not hold.
std::string_view embedded_file(std::string_view name);

}  // namespace monge::serve

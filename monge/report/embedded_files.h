// The scripts and styles of pages, which the build puts into the library (cmake/EmbedFiles.cmake).
#pragma once

#include <string_view>

namespace monge::report {

/// The text of a file in monge/report/pages, or of dygraph.min.js and dygraph.min.css.
/// @throws SystemError for a name that the build does not hold.
std::string_view embedded_file(std::string_view name);

}  // namespace monge::report

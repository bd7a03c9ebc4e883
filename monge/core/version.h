// The library's version.
#pragma once

#include <string>

namespace monge {

/// "0.1.0", as in CMakeLists.txt.
std::string version();

}  // namespace monge

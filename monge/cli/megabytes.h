// Sizes of files as people read them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "monge/cli/command.h"

namespace monge::cli {

/// "95.6 MB"; below a million bytes "6.0 kB".
std::string size_text(int64_t bytes);

/// A progress line in megabytes; files below 10 MB, and of unknown size, have none. A file that begins anew gets a new
/// line.
std::function<void(int64_t done, int64_t total)> megabytes(const Common& common, const std::string& label);

}  // namespace monge::cli

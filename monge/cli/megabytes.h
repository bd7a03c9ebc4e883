// Sizes of files, and progress lines in megabytes, for people.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "monge/cli/command.h"

namespace monge::cli {

/// "95.6 MB"; below a million bytes "6.0 kB".
std::string size_text(int64_t bytes);

/// A progress callback for a line in megabytes. Files below 10 MB and those of unknown size have no line; a file that
/// begins anew gets a new line.
std::function<void(int64_t done, int64_t total)> megabytes(const Common& common, const std::string& label);

}  // namespace monge::cli

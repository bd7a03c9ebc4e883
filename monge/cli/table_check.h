// monge data check for a table of numbers.
#pragma once

#include <string>

#include "monge/cli/command.h"

namespace monge::cli {

/// Checks a table and prints the result.
/// @param most    rows to list of each kind; 0: all.
/// @param strict  whether duplicates, constant columns, columns beyond float32, fill values and warnings fail, too.
/// @return the exit code: kDone, kUsage if the table is not fit for training, kStopped.
int check_table(const Common& common, const std::string& source, const std::string& against, int64_t most, bool strict);

}  // namespace monge::cli

// monge data check of a table of numbers.
#pragma once

#include <string>

#include "monge/cli/command.h"

namespace monge::cli {

/// @param most    rows to list of each kind; 0: all.
/// @param strict  whether duplicates, constant columns, columns beyond float32, fill values and warnings fail, too.
/// @return the exit code: kDone, kUsage where the table is not fit to train on, kStopped.
int check_table(const Common& common, const std::string& source, const std::string& against, int64_t most, bool strict);

}  // namespace monge::cli

// The pages that people read: one for a run, and one that compares runs. Each is a single file with everything in it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "monge/core/files.h"
#include "monge/report/run_record.h"

namespace monge::report {

/// The page of a run: what was learned and whether it works, images or points of several steps, curves, data, recipe,
/// environment and a glossary. Its script draws the curves; without scripts all but the curves and the choice of a step
/// remains.
std::string run_page(const RunRecord& run, const Files& files = real_files());

/// The page that compares runs: verdicts and figures side by side, what differs between the recipes, the curves in
/// common charts, and the newest samples.
std::string comparison_page(const std::vector<RunRecord>& runs, const Files& files = real_files());

/// Writes RUN/report.html and, for readers without scripts, RUN/curves/NAME.svg.
/// @throws InputError as read_run; SystemError if the page cannot be written.
void write_report(const std::filesystem::path& run, const Files& files = real_files());

/// The same for a record that was read before.
void write_report(const RunRecord& run, const Files& files = real_files());

/// Writes the page that compares runs.
/// @throws InputError as read_run; SystemError if the page cannot be written.
void write_comparison(const std::vector<std::filesystem::path>& runs, const std::filesystem::path& page,
                      const Files& files = real_files());

}  // namespace monge::report

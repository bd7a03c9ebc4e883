// Many runs at a glance.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monge/report/run_record.h"

namespace monge::report {

struct RunSummary {
  std::filesystem::path folder;
  std::string method;  ///< "?" if the recipe cannot be read
  RunState state = RunState::stopped;
  int64_t iterations = 0, wanted = 0;     ///< wanted: 0 if unknown
  std::string best_figure;                ///< the recipe's eval.best
  std::optional<double> best_value = {};  ///< unset without an evaluation
  int64_t best_iteration = 0;
  std::optional<bool> reaches_target = {};
  std::string verdict = {};  ///< of the last evaluation, to follow "the map "; empty without one
};

RunSummary summary_of(const RunRecord& run);

/// The runs in a folder, by name.
/// @throws InputError if the folder does not exist.
std::vector<RunSummary> list_runs(const std::filesystem::path& folder, const Files& files = real_files());

}  // namespace monge::report

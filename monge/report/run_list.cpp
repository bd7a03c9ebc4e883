#include "monge/report/run_list.h"

#include <algorithm>

#include "monge/core/error.h"

namespace monge::report {

namespace fs = std::filesystem;

RunSummary summary_of(const RunRecord& run) {
  RunSummary out{.folder = run.folder,
                 .method = run.recipe ? run.recipe->method : "?",
                 .state = run.state,
                 .iterations = run.metrics.iterations,
                 .wanted = run.iterations_wanted(),
                 .best_figure = run.best_figure()};
  if (const auto* best = run.best_evaluation()) {
    out.best_value = value_of(*best, out.best_figure);
    out.best_iteration = best->iteration;
  }
  if (const auto* last = run.last_evaluation()) {
    out.reaches_target = reaches_target(*last);
    out.verdict = verdict_of(*last);
  }
  return out;
}

std::vector<RunSummary> list_runs(const fs::path& folder, const Files& files) {
  std::error_code failure;
  std::vector<fs::path> found;
  for (auto entry = fs::directory_iterator(folder, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    if (is_run_directory(entry->path())) found.push_back(entry->path());
  }
  if (failure) {
    throw InputError({.what = text("cannot be read: ", failure.message()),
                      .where = folder.string(),
                      .fix = "name the folder that holds the runs"});
  }
  std::sort(found.begin(), found.end());
  std::vector<RunSummary> out;
  for (const auto& run : found) {
    if (is_run_directory(run)) out.push_back(summary_of(read_run(run, files)));  // it may have been removed meanwhile
  }
  return out;
}

}  // namespace monge::report

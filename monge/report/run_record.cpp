#include "monge/report/run_record.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>

#include "monge/core/error.h"
#include "monge/core/file_lock.h"
#include "monge/eval/evaluation.h"

namespace monge::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr int64_t kMostSideFile = 64 << 20;  // bytes of data.json and its like; lists of files may be long

std::string text_of(const fs::path& file, const Files& files, int64_t most = std::numeric_limits<int64_t>::max()) {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return {};
  try {
    return files.read(file, most);
  } catch (const Error&) {
    return {};  // a page about a run shows what can be read
  }
}

ordered_json json_of(const fs::path& file, const Files& files) {
  constexpr int kDeepest = 32;  // what follows is recursive
  bool too_deep = false;
  const auto depth = [&](int at, ordered_json::parse_event_t, ordered_json&) {
    too_deep = too_deep || at > kDeepest;
    return !too_deep;
  };
  auto out = ordered_json::parse(text_of(file, files, kMostSideFile), depth, /*allow_exceptions=*/false);
  if (too_deep || !out.is_object()) return {};
  return out;
}

/// The warnings of log.txt without their time of day. A warning that is repeated counts at its last place.
std::vector<std::string> warnings_in(const std::string& log) {
  constexpr std::string_view kMark = " warning: ";
  constexpr size_t kTimeOfDay = 8;  // "12:34:56"
  std::vector<std::string> out;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(kMark) != kTimeOfDay) continue;
    const auto warning = line.substr(kTimeOfDay + kMark.size());
    std::erase(out, warning);
    out.push_back(warning);
  }
  return out;
}

/// The iteration of the checkpoint to which RUN/best leads.
std::optional<int64_t> best_of(const fs::path& run) {
  constexpr std::string_view kPrefix = "step_";
  std::error_code none;
  const auto name = fs::read_symlink(run / "best", none).filename().string();
  if (none || !name.starts_with(kPrefix)) return std::nullopt;
  int64_t out = 0;
  const auto [at, failure] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), out);
  return failure == std::errc() && at == name.data() + name.size() ? std::optional(out) : std::nullopt;
}

std::optional<train::Recipe> recipe_of(const std::string& toml, const fs::path& file) {
  try {
    return train::saved_recipe(toml, file.string());
  } catch (const Error&) {
    return std::nullopt;  // of a newer version, or with components that this program does not have
  }
}

void require_run(const fs::path& folder) {
  std::error_code ignored;
  require(fs::is_directory(folder, ignored), folder.string(),
          ": not a folder; name the folder of a run, for example runs/00007-NAME");
  require(fs::exists(folder / "recipe.toml", ignored), folder.string(),
          ": not a run directory (it has no recipe.toml); name the folder of a run, for example runs/00007-NAME");
}

}  // namespace

RunState recorded_end(const RunRecord& run) {
  const auto complete = run.summary.is_object() ? run.summary.find("complete") : run.summary.end();
  const bool was_complete = complete != run.summary.end() && complete->is_boolean() && complete->get<bool>();
  // The summary may be that of a process before one that was killed.
  const bool reached = run.iterations_wanted() == 0 || run.metrics.iterations >= run.iterations_wanted();
  const bool ended_early =
      was_complete && run.summary.contains("ended_early") && run.summary["ended_early"].is_string();
  return was_complete && (reached || ended_early) ? RunState::complete : RunState::stopped;
}

namespace {

/// The evaluation with the metrics of a line, by which eval judges it.
eval::Evaluation as_evaluation(const run::EvaluationLine& line) {
  eval::Evaluation out;
  out.metrics = line.metrics;
  return out;
}

}  // namespace

const run::EvaluationLine* RunRecord::last_evaluation() const {
  return metrics.evaluations.empty() ? nullptr : &metrics.evaluations.back();
}

const run::EvaluationLine* RunRecord::best_evaluation() const {
  const auto& lines = metrics.evaluations;
  if (best_iteration) {
    const auto found =
        std::find_if(lines.begin(), lines.end(), [&](const auto& line) { return line.iteration == *best_iteration; });
    if (found != lines.end()) return &*found;
  }
  const run::EvaluationLine* best = nullptr;
  for (const auto& line : lines) {
    const double value = value_of(line, best_figure());
    if (std::isfinite(value) && (!best || value < value_of(*best, best_figure()))) best = &line;
  }
  return best;
}

bool is_run_directory(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "recipe.toml", ignored) && fs::exists(folder / "environment.json", ignored);
}

RunState read_state(const fs::path& folder, const Files& files) {
  require_run(folder);
  if (FileLock::is_held(folder / ".lock")) return RunState::running;
  return read_run(folder, files).state;
}

std::vector<int64_t> item_shape(const RunRecord& run, const char* side) {
  std::vector<int64_t> out;
  if (!run.data.is_object() || !run.data.contains(side) || !run.data[side].is_object()) return out;
  for (const auto& extent : run.data[side].value("shape", ordered_json::array())) {
    if (!extent.is_number_integer()) return {};
    out.push_back(extent.get<int64_t>());
  }
  return out;
}

bool is_of_images(const RunRecord& run) { return item_shape(run).size() == 3; }

RunRecord read_run(const fs::path& folder, const Files& files) {
  auto out = read_run_without_metrics(folder, files);
  out.metrics = run::parse_metrics(text_of(folder / "metrics.jsonl", files));
  out.state = FileLock::is_held(folder / ".lock") ? RunState::running : recorded_end(out);
  return out;
}

RunRecord read_run_without_metrics(const fs::path& folder, const Files& files) {
  require_run(folder);
  RunRecord out;
  out.folder = folder;
  const auto name = fs::absolute(folder).lexically_normal();
  out.name = (name.has_filename() ? name : name.parent_path()).filename().string();
  out.recipe_text = text_of(folder / "recipe.toml", files);
  out.recipe = recipe_of(out.recipe_text, folder / "recipe.toml");
  out.best_iteration = best_of(folder);
  out.data = json_of(folder / "data.json", files);
  out.environment = json_of(folder / "environment.json", files);
  out.summary = json_of(folder / "summary.json", files);
  out.warnings = warnings_in(text_of(folder / "log.txt", files));
  if (FileLock::is_held(folder / ".lock")) out.state = RunState::running;
  return out;
}

const char* name_of(RunState state) {
  switch (state) {
    case RunState::running:
      return "running";
    case RunState::complete:
      return "complete";
    case RunState::stopped:
      break;
  }
  return "stopped";
}

double value_of(const run::EvaluationLine& evaluation, std::string_view name) {
  for (const auto& [key, value] : evaluation.metrics) {
    if (key == name) return value;
  }
  return NAN;
}

eval::PushForwardError decisive_errors(const run::EvaluationLine& evaluation) {
  return as_evaluation(evaluation).decisive();
}

std::string verdict_of(const run::EvaluationLine& evaluation) {
  return evaluation.verdict.empty() ? as_evaluation(evaluation).verdict() : evaluation.verdict;
}

std::optional<bool> reaches_target(const run::EvaluationLine& evaluation) {
  if (!evaluation.verdict.empty()) return evaluation.reaches_target;
  const auto verdict = as_evaluation(evaluation).target_verdict();
  if (verdict == eval::TargetVerdict::unknown) return std::nullopt;
  return verdict == eval::TargetVerdict::reached;
}

}  // namespace monge::report

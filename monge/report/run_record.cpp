#include "monge/report/run_record.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "monge/core/error.h"
#include "monge/core/file_lock.h"
#include "monge/eval/evaluation.h"

namespace monge::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::string text_of(const fs::path& file, const Files& files) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return {};
  try {
    return files.read(file);
  } catch (const Error&) {
    return {};  // a page about a run shows what can be read
  }
}

ordered_json json_of(const fs::path& file, const Files& files) {
  auto out = ordered_json::parse(text_of(file, files), nullptr, /*allow_exceptions=*/false);
  return out.is_object() ? out : ordered_json();
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
  const bool is_complete = complete != run.summary.end() && complete->is_boolean() && complete->get<bool>();
  return is_complete ? RunState::complete : RunState::stopped;
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
  const auto figure = recipe ? recipe->eval.best : std::string("target_error");
  const run::EvaluationLine* best = nullptr;
  for (const auto& line : metrics.evaluations) {
    const double value = value_of(line, figure);
    if (std::isfinite(value) && (!best || value < value_of(*best, figure))) best = &line;
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
  RunRecord run;
  run.summary = json_of(folder / "summary.json", files);
  return recorded_end(run);
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
  require_run(folder);
  RunRecord out;
  out.folder = folder;
  const auto name = fs::absolute(folder).lexically_normal();
  out.name = (name.has_filename() ? name : name.parent_path()).filename().string();
  out.recipe_text = text_of(folder / "recipe.toml", files);
  out.recipe = recipe_of(out.recipe_text, folder / "recipe.toml");
  out.metrics = run::parse_metrics(text_of(folder / "metrics.jsonl", files));
  out.data = json_of(folder / "data.json", files);
  out.environment = json_of(folder / "environment.json", files);
  out.summary = json_of(folder / "summary.json", files);
  out.warnings = warnings_in(text_of(folder / "log.txt", files));
  out.state = FileLock::is_held(folder / ".lock") ? RunState::running : recorded_end(out);
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

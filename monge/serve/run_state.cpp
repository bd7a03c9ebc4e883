#include "monge/serve/run_state.h"

#include <algorithm>
#include <fstream>

#include "monge/core/error.h"
#include "monge/core/file_lock.h"
#include "monge/core/files.h"
#include "monge/report/sample_views.h"
#include "monge/serve/redaction.h"
#include "monge/train/recipe.h"

namespace monge::serve {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr int64_t kMostJson = 16 << 20;

/// A JSON object in a file; null if there is none.
ordered_json object_in(const fs::path& file) {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return nullptr;  // opening a pipe would wait for its writer
  try {
    auto out = ordered_json::parse(real_files().read(file, kMostJson), nullptr, /*allow_exceptions=*/false);
    return out.is_object() ? out : ordered_json();
  } catch (const Error&) {
    return nullptr;
  }
}

ordered_json value_of(const ordered_json& object, const char* key) {
  return object.is_object() && object.contains(key) ? object[key] : ordered_json();
}

/// The last line of metrics.jsonl, and the last one with an evaluation.
struct LastLines {
  ordered_json any, evaluation;
};

LastLines last_lines(const fs::path& folder) {
  constexpr int64_t kTail = 256 << 10;
  const auto tail = end_of_file(folder / "metrics.jsonl", kTail);
  LastLines out;
  size_t end = tail.size();
  while (end > 0 && (out.any.is_null() || out.evaluation.is_null())) {
    const auto begin = tail.rfind('\n', end - 1);
    const size_t from = begin == std::string::npos ? 0 : begin + 1;
    auto line = ordered_json::parse(tail.substr(from, end - from), nullptr, false);
    if (line.is_object()) {
      if (out.evaluation.is_null() && line.contains("eval")) out.evaluation = line;
      if (out.any.is_null()) out.any = std::move(line);
    }
    end = begin == std::string::npos ? 0 : begin;
  }
  return out;
}

}  // namespace

ordered_json run_state(const fs::path& folder) {
  ordered_json out{
      {"method", nullptr},  {"state", "stopped"},        {"iteration", nullptr},    {"of", nullptr},
      {"seconds", nullptr}, {"best_metric", nullptr},    {"best_value", nullptr},   {"best_iteration", nullptr},
      {"verdict", nullptr}, {"reaches_target", nullptr}, {"target_error", nullptr}, {"target_floor", nullptr},
      {"samples", nullptr}};
  try {
    const auto recipe = train::read_recipe(folder / "recipe.toml", {});
    out["method"] = recipe.method;
    out["of"] = recipe.train.iterations;
    out["best_metric"] = recipe.eval.best;
  } catch (const Error&) {  // of another version; the rest can still be told
  }
  const auto summary = object_in(folder / "summary.json");
  const auto lines = last_lines(folder);
  const bool running = FileLock::is_held(folder / ".lock");
  out["iteration"] = value_of(lines.any, "iteration");
  // The summary may be that of a process before one that was killed.
  const auto& done = out["iteration"];
  const bool reached = !out["of"].is_number() || (done.is_number() && done >= out["of"]);
  const bool complete =
      value_of(summary, "complete") == true && (reached || value_of(summary, "ended_early").is_string());
  out["state"] = running ? "running" : complete ? "complete" : "stopped";
  out["seconds"] = value_of(lines.any, "seconds");
  const auto evaluation = value_of(lines.evaluation, "eval");
  out["target_error"] = value_of(evaluation, "target_error");
  out["target_floor"] = value_of(evaluation, "target_floor");
  if (const auto verdict = value_of(lines.evaluation, "verdict"); verdict.is_string())
    out["verdict"] = "the map " + verdict.get<std::string>();
  out["reaches_target"] = value_of(lines.evaluation, "reaches_target");
  if (!running) {  // a run that was resumed has still the summary of its first part
    for (const char* key : {"best_value", "best_iteration", "verdict", "reaches_target"})
      if (const auto value = value_of(summary, key); !value.is_null()) out[key] = value;
  }
  if (const auto samples = report::sample_steps(folder, ".png"); !samples.empty()) out["samples"] = samples.back();
  std::error_code ignored;
  out["report"] = fs::exists(folder / "report.html", ignored);
  return out;
}

std::optional<ordered_json> run_summary(const fs::path& folder) {
  auto summary = object_in(folder / "summary.json");
  if (summary.is_null()) return std::nullopt;
  summary.erase("run");
  remove_folders(summary);
  return summary;
}

std::string part_of_file(const fs::path& file, int64_t begin, int64_t most) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return {};
  in.seekg(begin);
  std::string out(static_cast<size_t>(most), '\0');
  in.read(out.data(), most);
  out.resize(static_cast<size_t>(std::max<int64_t>(0, in.gcount())));
  return out;
}

std::string end_of_file(const fs::path& file, int64_t most, int64_t* begin) {
  std::error_code failure;
  const auto size = static_cast<int64_t>(fs::file_size(file, failure));
  if (begin) *begin = 0;
  if (failure) return {};
  const int64_t from = std::max<int64_t>(0, size - most);
  auto out = part_of_file(file, from, size - from);
  size_t cut = 0;
  if (from > 0) {
    const auto line = out.find('\n');
    cut = line == std::string::npos ? out.size() : line + 1;
  }
  if (begin) *begin = from + static_cast<int64_t>(cut);
  return out.substr(cut);
}

}  // namespace monge::serve

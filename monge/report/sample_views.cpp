#include "monge/report/sample_views.h"

#include <algorithm>
#include <charconv>

#include "monge/core/error.h"
#include "monge/report/data_uri.h"
#include "monge/run/grid.h"
#include "monge/run/sample_images.h"
#include "monge/run/scatter_points.h"

namespace monge::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// The newest step first, then the first, then those between, coarse to fine, so that a limit keeps an even choice.
std::vector<int64_t> by_importance(const std::vector<int64_t>& steps) {
  std::vector<int64_t> out;
  const auto count = static_cast<int64_t>(steps.size());
  const auto add = [&](int64_t i) {
    const auto step = steps[static_cast<size_t>(i)];
    if (std::find(out.begin(), out.end(), step) == out.end()) out.push_back(step);
  };
  if (count == 0) return out;
  add(count - 1);
  for (int64_t parts = 1; static_cast<int64_t>(out.size()) < std::min(count, kMostSampleSteps) && parts <= 2 * count;
       parts *= 2) {
    for (int64_t part = 0; part < parts && static_cast<int64_t>(out.size()) < kMostSampleSteps; ++part)
      add((count - 1) * part / parts);
  }
  return out;
}

/// Whether a file has the parts that a plot needs, see run::scatter_points_json.
bool are_points(const ordered_json& json) {
  if (!json.is_object()) return false;
  const auto is_list = [](const ordered_json& list) { return list.is_array() && !list.empty(); };
  const auto are_pairs = [&](const ordered_json& list) {
    return is_list(list) && std::all_of(list.begin(), list.end(), [](const ordered_json& pair) {
             return pair.is_array() && pair.size() == 2 && (pair[0].is_number() || pair[0].is_null()) &&
                    (pair[1].is_number() || pair[1].is_null());
           });
  };
  for (const char* part : {"source", "target"}) {
    if (!json.contains(part) || !are_pairs(json[part])) return false;
  }
  if (!json.contains("axes") || json["axes"].size() != 2 || !json["axes"][0].is_string() ||
      !json["axes"][1].is_string())
    return false;
  return json.contains("outputs") && is_list(json["outputs"]) &&
         std::all_of(json["outputs"].begin(), json["outputs"].end(), are_pairs);
}

/// The content of those files that fit into the limit, by iteration, ascending.
template <class Path>
std::vector<std::pair<int64_t, std::string>> read_steps(const RunRecord& run, const char* extension,
                                                        const Path& path_of, const Files& files) {
  std::vector<std::pair<int64_t, std::string>> out;
  int64_t bytes = 0;
  for (const auto step : by_importance(sample_steps(run.folder, extension))) {
    try {
      auto content = files.read(path_of(run.folder, step), kMostSampleBytes);
      bytes += static_cast<int64_t>(content.size());
      if (bytes > kMostSampleBytes) break;
      out.emplace_back(step, std::move(content));
    } catch (const Error&) {
      continue;  // being written, or too large for a page
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::vector<int64_t> sample_steps(const fs::path& run, std::string_view extension) {
  constexpr std::string_view kPrefix = "step_";
  std::vector<int64_t> out;
  std::error_code error;
  for (auto entry = fs::directory_iterator(run / "samples", error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const auto stem = entry->path().stem().string();
    if (entry->path().extension() != extension || !stem.starts_with(kPrefix)) continue;
    int64_t step = 0;
    const auto* end = stem.data() + stem.size();
    const auto [at, failure] = std::from_chars(stem.data() + kPrefix.size(), end, step);
    if (failure == std::errc() && at == end) out.push_back(step);
  }
  std::sort(out.begin(), out.end());
  return out;
}

ordered_json sample_views(const RunRecord& run, const Files& files) {
  auto steps = ordered_json::array();
  for (const auto& [step, json] : read_steps(run, ".json", run::scatter_points_path, files)) {
    auto points = ordered_json::parse(json, nullptr, /*allow_exceptions=*/false);
    if (!are_points(points)) continue;
    points["iteration"] = step;
    steps.push_back(std::move(points));
  }
  if (!steps.empty()) return {{"kind", "scatter"}, {"steps", std::move(steps)}};
  for (const auto& [step, png] : read_steps(run, ".png", run::sample_image_path, files))
    steps.push_back({{"iteration", step}, {"image", data_uri("image/png", png)}});
  if (steps.empty()) return {};
  ordered_json out{{"kind", "images"}, {"steps", std::move(steps)}};
  std::error_code ignored;
  if (const auto target = run::target_image_path(run.folder); std::filesystem::exists(target, ignored)) {
    try {
      out["target"] = data_uri("image/png", files.read(target, kMostSampleBytes));
    } catch (const Error&) {
      // The page then does without.
    }
  }
  const auto shape = item_shape(run);
  if (shape.size() != 3 || shape[1] < 1 || shape[2] < 1) return out;
  const auto height = shape[1], width = shape[2];
  const auto scale = run::sample_image_scale(width);
  out["cell"] = {scale * width, scale * height};
  out["gap"] = run::GridOptions().padding;
  return out;
}

}  // namespace monge::report

#include "monge/serve/run_routes.h"

#include <cstdlib>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/report/sample_views.h"
#include "monge/run/sample_images.h"
#include "monge/serve/json_response.h"
#include "monge/serve/redaction.h"
#include "monge/serve/run_state.h"
#include "monge/train/recipe.h"

namespace monge::serve {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr int64_t kMostFile = int64_t{64} << 20;

// The page of a run is made from the files of the run. It can run its scripts, but is of no origin: it can ask nothing
// of this server.
constexpr const char* kReportPolicy =
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' "
    "data:; frame-ancestors 'none'";

/// The folders that the page of a run may tell: those of its data and its own.
std::vector<std::string> folders_of(const fs::path& run) {
  std::vector<std::string> out{run.parent_path().string() + "/"};
  if (const char* home = std::getenv("HOME"); home && std::string(home).size() > 1) out.push_back(text(home, "/"));
  try {
    const auto recipe = train::read_recipe(run / "recipe.toml", {});
    for (const auto* path : {&recipe.source.path, &recipe.target.path, &recipe.eval.source, &recipe.eval.target,
                             &recipe.eval.features, &recipe.eval.weights, &recipe.train.init}) {
      const auto begin = path->find('/'), end = path->rfind('/');
      if (begin != std::string::npos && end > begin) out.push_back(path->substr(begin, end - begin + 1));
    }
  } catch (const Error&) {
  }
  return out;
}

std::string without(std::string text, const std::string& part) {
  for (size_t at = 0; part.size() > 1 && (at = text.find(part, at)) != std::string::npos;) text.erase(at, part.size());
  return text;
}

Response report(const fs::path& run) {
  std::error_code ignored;
  if (!fs::exists(run / "report.html", ignored)) return error_response(404, "this run has no report yet");
  auto page = real_files().read(run / "report.html", kMostFile);
  for (const auto& folder : folders_of(run)) page = without(std::move(page), folder);
  Response out{.type = "text/html; charset=utf-8", .body = std::move(page)};
  out.headers.emplace_back("Content-Security-Policy", kReportPolicy);
  return out;
}

/// The sample image that a name like step_000500.png means. The number is read, and the path is made from it.
Response sample(const fs::path& run, const std::string& name) {
  constexpr std::string_view kPrefix = "step_", kExtension = ".png";
  const bool shaped = name.starts_with(kPrefix) && name.ends_with(kExtension) && name.size() <= 24;
  const auto digits =
      shaped ? name.substr(kPrefix.size(), name.size() - kPrefix.size() - kExtension.size()) : std::string();
  const bool number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  std::error_code ignored;
  const auto file = number ? run::sample_image_path(run, std::stoll(digits)) : fs::path();
  if (!number || !fs::exists(file, ignored)) return error_response(404, "there is no such sample image");
  Response out{.type = "image/png", .body = real_files().read(file, kMostFile)};
  out.headers.emplace_back("Cache-Control", "private, max-age=60");
  return out;
}

/// Answers with what `answer` makes of the run that the path names.
std::function<Response(const Request&)> for_run(Catalogue& catalogue,
                                                std::function<Response(const fs::path&, const Request&)> answer) {
  return [&catalogue, answer = std::move(answer)](const Request& request) {
    const auto& name = request.path.at(2);
    const auto folder = catalogue.run(name);
    if (folder) return answer(*folder, request);
    return error_response(
        404, Complaint{.what = "no such run", .value = shown(name), .fix = suggestion(name, catalogue.run_names())});
  };
}

}  // namespace

void add_run_routes(Router& router, Catalogue& catalogue, RunEvents& events) {
  router.add("GET", "/v1/runs", [&catalogue](const Request&) {
    auto runs = ordered_json::array();
    for (const auto& name : catalogue.run_names()) {
      const auto folder = catalogue.run(name);
      if (!folder) continue;
      ordered_json item{{"name", name}};
      item.update(run_state(*folder));
      runs.push_back(item);
    }
    return json_response({{"runs", runs}});
  });
  router.add("GET", "/v1/runs/*", for_run(catalogue, [](const fs::path& run, const Request& request) {
               const auto summary = run_summary(run);
               return json_response({{"name", request.path.at(2)},
                                     {"state", run_state(run)},
                                     {"summary", summary ? *summary : ordered_json()},
                                     {"samples", report::sample_steps(run, ".png")}});
             }));
  router.add("GET", "/v1/runs/*/report",
             for_run(catalogue, [](const fs::path& run, const Request&) { return report(run); }));
  router.add("GET", "/v1/runs/*/samples/*", for_run(catalogue, [](const fs::path& run, const Request& request) {
               return sample(run, request.path.at(4));
             }));
  router.add("GET", "/v1/runs/*/log", for_run(catalogue, [](const fs::path& run, const Request&) {
               constexpr int64_t kMostLog = 1 << 20;
               return Response{.type = "text/plain; charset=utf-8",
                               .body = without_folders(end_of_file(run / "log.txt", kMostLog))};
             }));
  router.add("GET", "/v1/runs/*/events", for_run(catalogue, [&events](const fs::path& run, const Request& request) {
               return Response{.type = "text/event-stream",
                               .events = events.follow(run, request.header("last-event-id"))};
             }));
}

}  // namespace monge::serve

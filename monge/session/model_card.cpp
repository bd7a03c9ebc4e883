#include "monge/session/model_card.h"

#include <algorithm>

#include "monge/core/files.h"
#include "monge/core/number.h"
#include "monge/model/amend_recipe.h"
#include "monge/run/metrics_log.h"
#include "monge/run/sample_images.h"
#include "monge/session/summary.h"
#include "monge/train/checkpoint_name.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// The run directory of a model that was loaded from one, or from a checkpoint in it; empty for a file.
fs::path run_directory_of(const model::Model& model) {
  std::error_code ignored;
  const auto folder = fs::weakly_canonical(model.origin, ignored);
  if (ignored || !fs::is_directory(folder, ignored)) return {};
  if (fs::exists(folder / "checkpoints", ignored)) return folder;
  // Its iteration was repeated after a return, and the run's metrics are those of the repetition.
  if (folder.filename().string().starts_with(train::aside_name(train::kDiverged, ""))) return {};
  // RUN/checkpoints/step_000500, to which RUN/best leads
  return folder.parent_path().filename() == "checkpoints" ? folder.parent_path().parent_path() : fs::path();
}

/// The metrics that a run measured at this iteration; empty if there was no evaluation then.
NamedMetrics metrics_at(const fs::path& run, int64_t iteration) {
  constexpr std::string_view kPrefix = "eval.";
  NamedMetrics out;
  for (const auto& curve : run::metrics_of(run).curves) {
    if (!curve.name.starts_with(kPrefix)) continue;
    const auto at = std::find(curve.x.rbegin(), curve.x.rend(), static_cast<double>(iteration));
    if (at == curve.x.rend()) continue;
    out.emplace_back(curve.name.substr(kPrefix.size()), curve.y.at(curve.x.rend() - at - 1));
  }
  return out;
}

/// The run's sample image of this iteration as a PNG file; empty if there is none.
std::string sample_image_at(const fs::path& run, int64_t iteration) {
  const auto file = run::sample_image_path(run, iteration);
  std::error_code ignored;
  return fs::exists(file, ignored) ? real_files().read(file) : "";
}

/// How a training with this recipe measures its metrics.
std::vector<std::pair<std::string, std::string>> protocol_of(const train::Recipe& recipe) {
  const auto& eval = recipe.eval;
  std::vector<std::pair<std::string, std::string>> out{{"samples", std::to_string(eval.samples)},
                                                       {"holdout", number(eval.holdout)}};
  for (const auto& [key, value] : {std::pair{"source", &eval.source},
                                   {"target", &eval.target},
                                   {"features", &eval.features},
                                   {"lpips", &eval.lpips}}) {
    if (!value->empty()) out.emplace_back(key, *value);
  }
  return out;
}

ordered_json text_or_null(const std::string& text) { return text.empty() ? ordered_json() : ordered_json(text); }

}  // namespace

model::EvaluationRecord record_of(const eval::Evaluation& evaluation, const train::Recipe& recipe, const fs::path& run,
                                  int64_t iteration) {
  model::EvaluationRecord out{.metrics = evaluation.named(),
                              .reaches_target = {},
                              .verdict = "the map " + evaluation.verdict(),
                              .protocol = protocol_of(recipe),
                              .image = run.empty() ? "" : sample_image_at(run, iteration)};
  const auto reaches = reaches_target(evaluation);
  if (!reaches.is_null()) out.reaches_target = reaches.get<bool>();
  return out;
}

std::optional<model::EvaluationRecord> evaluation_of(const model::Model& model) {
  if (model.reversed || !model.recipe) return std::nullopt;
  if (model.evaluation) return model.evaluation;
  const auto run = run_directory_of(model);
  if (run.empty()) return std::nullopt;
  eval::Evaluation evaluation;
  evaluation.metrics = metrics_at(run, model.iteration);
  if (evaluation.metrics.empty()) return std::nullopt;
  return record_of(evaluation, *model.recipe, run, model.iteration);
}

model::Model with_card(model::Model model, const std::vector<std::string>& assignments) {
  model.evaluation = evaluation_of(model);
  model::amend_recipe(model, assignments);
  return model;
}

ordered_json model_card(const model::Model& model, const std::optional<model::EvaluationRecord>& evaluation) {
  const train::Recipe recipe = model.recipe.value_or(train::Recipe());
  const auto& card = recipe.card;
  ordered_json out{{"name", model.recipe ? ordered_json(recipe.name) : ordered_json()},
                   {"title", text_or_null(card.title)},
                   {"description", text_or_null(card.description)},
                   {"licence", text_or_null(card.licence)},
                   {"credit", text_or_null(card.credit)},
                   {"source", {{"data", text_or_null(card.source)}, {"licence", text_or_null(card.source_licence)}}},
                   {"target", {{"data", text_or_null(card.target)}, {"licence", text_or_null(card.target_licence)}}},
                   {"method", nullptr},
                   {"net", nullptr},
                   {"parameters", nn::parameter_count(*model.net)},
                   {"iterations", model.iteration},
                   {"item_shape", model.item_shape},
                   {"stochastic", model.stochastic()},
                   {"has_inverse", model.inverse_net != nullptr},
                   {"any_size", model.sizes.has_value()},
                   {"protocol", nullptr},
                   {"metrics", nullptr},
                   {"reaches_target", nullptr},
                   {"verdict", nullptr}};
  if (model.recipe) {
    out["method"] = recipe.method;
    out["net"] = recipe.map.net;
  }
  if (!evaluation) return out;
  out["protocol"] = ordered_json::object();
  for (const auto& [key, value] : evaluation->protocol) out["protocol"][key] = value;
  out["metrics"] = ordered_json::object();
  for (const auto& [name, value] : evaluation->metrics) {
    out["metrics"][name] = value;  // as text, NaN is null
  }
  if (evaluation->reaches_target) out["reaches_target"] = *evaluation->reaches_target;
  out["verdict"] = evaluation->verdict;
  return out;
}

}  // namespace monge::session

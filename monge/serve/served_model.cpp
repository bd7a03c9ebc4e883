#include "monge/serve/served_model.h"

#include <algorithm>
#include <numeric>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/io/safetensors.h"
#include "monge/report/run_record.h"
#include "monge/report/sample_views.h"
#include "monge/run/sample_images.h"
#include "monge/serve/redaction.h"
#include "monge/serve/run_state.h"
#include "monge/session/model_card.h"
#include "monge/train/training_data.h"

namespace monge::serve {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr int64_t kInputs = 12;

std::string replaced(std::string text, const std::string& old, const std::string& with) {
  for (size_t at = 0; !old.empty() && (at = text.find(old, at)) != std::string::npos; at += with.size())
    text.replace(at, old.size(), with);
  return text;
}

HeldOutInputs read_inputs(const ServedModel& served) {
  const auto is_formula = [](const std::string& path) { return path.starts_with("toy:"); };
  if (!served.map.recipe) return {};
  auto recipe = *served.map.recipe;
  if (served.run.empty() && !(is_formula(recipe.source.path) && is_formula(recipe.target.path))) return {};
  if (served.run.empty() && !(recipe.eval.source.empty() && recipe.eval.target.empty())) return {};
  try {
    recipe.data.cache_mb = 0;  // a few items are wanted, not all in memory
    auto data = train::open_evaluation_data(recipe, silent());
    train::select_columns(data, served.map.columns, silent());
    const auto& source = *data.source;
    HeldOutInputs out;
    if (source.endless()) {
      out.items = source.draw(64, RandomStreams(0).at("served inputs", 0));
      return out;
    }
    const bool images = source.item_shape().size() == 3;
    std::vector<int64_t> indices(static_cast<size_t>(std::min(source.size(), images ? kInputs : 64)));
    std::iota(indices.begin(), indices.end(), 0);
    out.items = images ? source.items(indices) : source.exact_items(indices);
    for (const int64_t i : indices) out.names.push_back(fs::path(source.item_name(i)).filename().string());
    out.columns = source.table_names().columns;
    return out;
  } catch (const std::exception&) {  // the data have moved, or were tensors in memory
    return {};
  }
}

ordered_json text_or_null(const std::string& text) { return text.empty() ? ordered_json() : ordered_json(text); }

void add_recipe(ordered_json& out, const train::Recipe& recipe) {
  out["title"] = text_or_null(recipe.card.title);
  out["description"] = text_or_null(recipe.card.description);
  out["licence"] = text_or_null(recipe.card.licence);
  out["method"] = recipe.method;
}

}  // namespace

const HeldOutInputs& ServedModel::inputs() const {
  std::call_once(opened_, [this] { inputs_ = read_inputs(*this); });
  return inputs_;
}

std::shared_ptr<const ServedModel> load_served_model(const std::string& name, const fs::path& path,
                                                     torch::Device device, const LogSink& log) {
  auto out = std::make_shared<ServedModel>();
  out->name = name;
  try {
    out->map = model::load_model(path, device, log);
    const auto evaluation = session::evaluation_of(out->map);
    out->card = session::model_card(out->map, evaluation);
    remove_folders(out->card["protocol"]);
    if (evaluation) out->sample = evaluation->image;
  } catch (const InputError& error) {
    auto complaint = error.complaint();
    for (auto* part : {&complaint.what, &complaint.where, &complaint.value, &complaint.fix})
      *part = without_folders(replaced(*part, path.string(), name));
    throw InputError(complaint);
  }
  if (report::is_run_directory(path)) {
    out->run = path;
    const auto steps = report::sample_steps(path, ".png");
    if (out->sample.empty() && !steps.empty())
      out->sample = real_files().read(run::sample_image_path(path, steps.back()), int64_t{64} << 20);
  }
  out->map.origin = name;
  return out;
}

ordered_json model_summary(const fs::path& path) {
  ordered_json out{
      {"title", nullptr}, {"description", nullptr}, {"licence", nullptr}, {"method", nullptr}, {"verdict", nullptr}};
  try {
    if (report::is_run_directory(path)) {
      add_recipe(out, train::read_recipe(path / "recipe.toml", {}));
      if (const auto summary = run_summary(path); summary && summary->contains("verdict"))
        out["verdict"] = (*summary)["verdict"];
    } else if (path.extension() == ".safetensors") {
      const auto metadata = io::read_safetensors_metadata(path);
      const auto recipe = metadata.find("monge.recipe"), evaluation = metadata.find("monge.evaluation");
      if (recipe != metadata.end()) add_recipe(out, train::saved_recipe(recipe->second, "the model"));
      if (evaluation != metadata.end()) {
        const auto record = ordered_json::parse(evaluation->second, nullptr, /*allow_exceptions=*/false);
        if (record.is_object() && record.contains("verdict") && record["verdict"].is_string())
          out["verdict"] = record["verdict"];
      }
    }
  } catch (const Error&) {  // the name remains; loading it says what is wrong
  }
  return out;
}

}  // namespace monge::serve

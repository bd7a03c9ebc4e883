#include "monge/serve/model_routes.h"

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/image.h"
#include "monge/report/data_uri.h"
#include "monge/serve/json_response.h"

namespace monge::serve {
namespace {

using nlohmann::ordered_json;

/// Answers with what `answer` makes of the model that the path names.
std::function<Response(const Request&)> for_model(Catalogue& catalogue,
                                                  std::function<Response(const ServedModel&)> answer) {
  return [&catalogue, answer = std::move(answer)](const Request& request) {
    const auto& name = request.path.at(2);
    const auto model = catalogue.model(name);
    if (model) return answer(*model);
    return error_response(
        404,
        Complaint{.what = "no such model", .value = shown(name), .fix = suggestion(name, catalogue.model_names())});
  };
}

/// What the map takes.
ordered_json input_of(const model::Model& map) {
  if (map.item_shape.size() == 1)
    return {{"kind", "vector"}, {"dim", map.item_shape[0]}, {"columns", map.columns.source}};
  return {{"kind", "image"},
          {"channels", map.item_shape[0]},
          {"width", map.item_shape[2]},
          {"height", map.item_shape[1]},
          {"any_size", map.sizes.has_value()}};
}

/// The level that noise_scale multiplies, or null.
ordered_json noise_level_of(const model::Model& map) {
  const auto level = map.noise_level();
  return level ? ordered_json(*level) : ordered_json();
}

ordered_json inputs_of(const HeldOutInputs& inputs) {
  if (!inputs.items.defined()) return {{"kind", nullptr}, {"items", ordered_json::array()}};
  if (inputs.items.dim() == 2) {
    auto rows = ordered_json::array();
    const auto values = inputs.items.to(torch::kFloat64).contiguous();
    for (int64_t i = 0; i < values.size(0); ++i) {
      const auto* row = values[i].const_data_ptr<double>();
      rows.push_back(std::vector<double>(row, row + values.size(1)));
    }
    return {{"kind", "vector"}, {"columns", inputs.columns}, {"rows", rows}};
  }
  auto items = ordered_json::array();
  for (int64_t i = 0; i < inputs.items.size(0); ++i) {
    const auto name = static_cast<size_t>(i) < inputs.names.size() ? inputs.names[static_cast<size_t>(i)] : "";
    items.push_back({{"name", name}, {"png", report::base64(io::encode_png(io::from_float(inputs.items[i])))}});
  }
  return {{"kind", "image"}, {"items", items}};
}

}  // namespace

void add_model_routes(Router& router, Catalogue& catalogue) {
  router.add("GET", "/v1/models",
             [&catalogue](const Request&) { return json_response({{"models", catalogue.models()}}); });
  router.add("GET", "/v1/models/*", for_model(catalogue, [](const ServedModel& model) {
               return json_response({{"name", model.name},
                                     {"kind", model.run.empty() ? "file" : "run"},
                                     {"card", model.card},
                                     {"input", input_of(model.map)},
                                     {"noise_level", noise_level_of(model.map)},
                                     {"most_noise_scale", model.map.most_noise_scale()}});
             }));
  router.add("GET", "/v1/models/*/sample.png", for_model(catalogue, [](const ServedModel& model) {
               if (model.sample.empty()) return error_response(404, "this model has no sample image");
               return Response{.type = "image/png", .body = model.sample};
             }));
  router.add("GET", "/v1/models/*/inputs",
             for_model(catalogue, [](const ServedModel& model) { return json_response(inputs_of(model.inputs())); }));
}

}  // namespace monge::serve

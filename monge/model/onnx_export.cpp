#include "monge/model/onnx_export.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/user_words.h"
#include "monge/core/version.h"
#include "monge/model/noise_inputs.h"
#include "monge/model/onnx/net_graphs.h"
#include "monge/model/rounded_inwards.h"

namespace monge::model {
namespace {

using Shape = std::vector<io::OnnxExtent>;
using onnx::Graph;
using onnx::Value;

/// The shape of a value whose items have this shape; 0 is an extent that is free.
Shape batch_of(const std::vector<int64_t>& item) {
  Shape out{std::string("batch"), item[0]};
  for (size_t axis = 1; axis < item.size(); ++axis) {
    if (item[axis] > 0) {
      out.emplace_back(item[axis]);
    } else {
      out.emplace_back(std::string(axis == 1 ? "height" : "width"));
    }
  }
  return out;
}

std::vector<int64_t> free_item(const Model& model) {
  return model.sizes && model.item_shape.size() == 3 ? std::vector<int64_t>{model.item_shape[0], 0, 0}
                                                     : model.item_shape;
}

/// Writes the parts of one model into a graph, in their order.
class ModelGraph {
 public:
  ModelGraph(const Model& model, const OnnxOptions& options)
      : model_(model),
        type_(options.float64 ? torch::kFloat64 : torch::kFloat32),
        images_(model.item_shape.size() == 3),
        graph_(nn::state_dict(*model.net)) {}

  io::OnnxFile build() {
    const auto x = standardised(graph_.input("x", type_, batch_of(free_item(model_)), meaning_of_x()));
    std::map<std::string, Value> noises;
    for (const auto& input : noise_inputs(model_))
      noises[input.name] = graph_.input(input.name, torch::kFloat32, batch_of(input.item_shape), input.meaning);
    const onnx::NetInputs inputs{.x = smoothed(x, noises), .noise = noise(x, noises), .noise_vector = has_vector()};
    const auto y = limited(raw(onnx::build_net(graph_, *model_.net, inputs)));
    graph_.output(y, "y", type_, batch_of(free_item(model_)), images_ ? "images in [-1, 1]" : "rows in raw units");
    return std::move(graph_.file());
  }

 private:
  bool has_vector() const { return images_ && model_.noise.vector; }

  std::string meaning_of_x() const {
    if (!images_) return "rows in raw units";
    auto out = text("images in [-1, 1], ", model_.item_shape[0] == 1 ? "grey" : "RGB");
    if (model_.sizes) {
      out += text("; height and width: multiples of ", model_.sizes->multiple, ", at least ", model_.sizes->least,
                  " pixels");
    }
    return out;
  }

  Value standardised(const Value& x) {
    if (!model_.standardisation) return x;
    const auto& side = model_.standardisation->source;
    const auto exact = type_ == torch::kFloat64 ? x : graph_.cast(x, torch::kFloat64);
    const auto centred = graph_.subtract(exact, graph_.constant(side.mean));
    return graph_.cast(graph_.divide(centred, graph_.constant(side.scale)), torch::kFloat32);
  }

  Value smoothed(const Value& x, const std::map<std::string, Value>& noises) {
    const auto& smoothing = model_.smoothing;
    const auto centre = smoothing.preserve_variance ? graph_.scaled(x, smoothing.centre()) : x;
    const auto white = noises.find("smoothing_noise");
    if (white == noises.end()) return centre;
    auto n = white->second;
    if (const auto tint = noises.find("smoothing_tint"); tint != noises.end()) {
      const auto column = graph_.reshape(tint->second, {0, -1, 1, 1});
      n = graph_.add(graph_.scaled(n, std::sqrt(1 - smoothing.tint)), graph_.scaled(column, std::sqrt(smoothing.tint)));
    }
    return graph_.add(centre, graph_.scaled(n, smoothing.eps));
  }

  /// The noise of the net; zeros for a deterministic model whose net needs one.
  std::optional<Value> noise(const Value& x, const std::map<std::string, Value>& noises) {
    if (model_.noise.channels == 0) return std::nullopt;
    if (const auto z = noises.find("noise"); z != noises.end())
      return model_.noise.std == 1 ? z->second : graph_.scaled(z->second, model_.noise.std);
    if (model_.noise.optional) return std::nullopt;
    std::vector<Value> shape{graph_.shape(x, 0, 1), graph_.integers({model_.noise.channels})};
    if (images_ && !has_vector()) shape.push_back(graph_.shape(x, 2, 4));
    return graph_.node("Expand", {graph_.scalar(0), graph_.concatenate(shape, 0)});
  }

  /// Undoes the standardisation, in float64.
  Value raw(const Value& y) {
    if (!model_.standardisation) return y;
    const auto& side = model_.standardisation->target;
    const auto spread = graph_.multiply(graph_.cast(y, torch::kFloat64), graph_.constant(side.scale));
    return graph_.add(spread, graph_.constant(side.mean));
  }

  /// In the type of the output: rounding after a limit could cross it.
  Value limited(Value y) {
    if (model_.standardisation && type_ == torch::kFloat32) y = graph_.cast(y, torch::kFloat32);
    if (!model_.limits) return y;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const auto& [low, high] = *model_.limits;
    if (!low.isinf().all().item<bool>())
      y = graph_.node("Max", {y, graph_.constant(rounded_inwards(low, type_, kInfinity))});
    if (!high.isinf().all().item<bool>())
      y = graph_.node("Min", {y, graph_.constant(rounded_inwards(high, type_, -kInfinity))});
    return y;
  }

  const Model& model_;
  torch::ScalarType type_;
  bool images_;
  Graph graph_;
};

std::string described(const std::vector<io::OnnxValue>& values) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& value : values) {
    auto shape = nlohmann::ordered_json::array();
    for (const auto& extent : value.shape) {
      std::visit([&](const auto& of) { shape.push_back(of); }, extent);
    }
    out.push_back({{"name", value.name},
                   {"type", value.type == torch::kFloat64 ? "float64" : "float32"},
                   {"shape", shape},
                   {"meaning", value.meaning}});
  }
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::map<std::string, std::string> metadata_of(const Model& model, const io::OnnxFile& file) {
  std::map<std::string, std::string> out{{"monge.version", version()},
                                         {"monge.origin", model.origin},
                                         {"monge.iteration", std::to_string(model.iteration)},
                                         {"monge.direction", model.reversed ? "inverse" : "forward"},
                                         {"monge.deterministic", model.stochastic() ? "false" : "true"},
                                         {"monge.item_shape", nlohmann::json(model.item_shape).dump()},
                                         {"monge.inputs", described(file.inputs)},
                                         {"monge.outputs", described(file.outputs)}};
  if (model.recipe) out["monge.recipe"] = train::Recipe(*model.recipe).options().to_toml(false);
  if (model.sizes) {
    out["monge.size_multiple"] = std::to_string(model.sizes->multiple);
    out["monge.size_least"] = std::to_string(model.sizes->least);
  }
  const auto add_names = [&](const char* key, const std::vector<std::string>& names) {
    if (!names.empty()) out[key] = nlohmann::json(names).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  add_names("monge.source_columns", model.columns.source);
  add_names("monge.target_columns", model.output_columns());
  return out;
}

}  // namespace

io::OnnxFile onnx_file(const Model& model, const OnnxOptions& options) {
  io::onnx_ir_version(options.opset);  // throws for an opset out of its range
  require(!options.float64 || model.standardisation, model.origin,
          ": has no standardisation (data.standardise) and takes float32 throughout; leave out ",
          user_word("OnnxOptions::float64"));
  auto out = ModelGraph(model, options).build();
  out.opset = options.opset;
  out.producer = "monge";
  out.producer_version = version();
  out.graph = "map";
  out.description = text("The transport map of ", model.origin, ", from x to y.");
  out.metadata = metadata_of(model, out);
  return out;
}

void export_onnx(const Model& model, const std::filesystem::path& path, const OnnxOptions& options) {
  io::write_onnx(path, onnx_file(model, options));
}

std::vector<int64_t> columns_beyond_float32(const Model& model) {
  std::vector<int64_t> out;
  if (!model.standardisation) return out;
  constexpr double kMostStep = 0.01;
  const auto steps = [](const data::Columns& side) {
    return side.mean.abs() * std::numeric_limits<float>::epsilon() / side.scale;
  };
  const auto worst = torch::maximum(steps(model.standardisation->source), steps(model.standardisation->target));
  for (int64_t column = 0; column < worst.size(0); ++column) {
    if (worst[column].item<double>() > kMostStep) out.push_back(column);
  }
  return out;
}

}  // namespace monge::model

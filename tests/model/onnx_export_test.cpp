// The graph of a model: its inputs and outputs, weights, metadata, and what it refuses.
#include "monge/model/onnx_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <nlohmann/json.hpp>
#include <set>

#include "monge/core/error.h"
#include "monge/core/version.h"
#include "monge/model/onnx/net_graphs.h"
#include "monge/nn/activation.h"
#include "monge/train/trainer.h"
#include "tests/model/onnx_models.h"
#include "tests/train/short_run.h"

namespace monge::model {
namespace {

using io::OnnxExtent;
using io::OnnxFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

const OnnxExtent kBatch = std::string("batch"), kHeight = std::string("height"), kWidth = std::string("width");

std::vector<std::string> input_names(const OnnxFile& file) {
  std::vector<std::string> out;
  for (const auto& input : file.inputs) out.push_back(input.name);
  return out;
}

std::set<std::string> operators(const OnnxFile& file) {
  std::set<std::string> out;
  for (const auto& node : file.nodes) out.insert(node.op);
  return out;
}

/// The values that no node and no output reads. Runtimes warn of them.
std::set<std::string> unread(const OnnxFile& file) {
  std::set<std::string> out;
  for (const auto& entry : file.initializers) out.insert(entry.first);
  for (const auto& input : file.inputs) out.insert(input.name);
  for (const auto& node : file.nodes) out.insert(node.output);
  for (const auto& node : file.nodes) {
    for (const auto& input : node.inputs) out.erase(input);
  }
  for (const auto& output : file.outputs) out.erase(output.name);
  return out;
}

TEST(OnnxExport, HasTheInputsOfVectors) {
  const auto file = onnx_file(mlp_model({.in = 5, .out = 3, .mlp = {.hidden = {8}}}));
  EXPECT_THAT(input_names(file), ElementsAre("x", "noise"));
  EXPECT_THAT(file.inputs[0].shape, ElementsAre(kBatch, OnnxExtent(3)));
  EXPECT_THAT(file.inputs[1].shape, ElementsAre(kBatch, OnnxExtent(2)));
  ASSERT_EQ(file.outputs.size(), 1u);
  EXPECT_EQ(file.outputs[0].name, "y");
  EXPECT_THAT(file.outputs[0].shape, ElementsAre(kBatch, OnnxExtent(3)));
  EXPECT_EQ(file.inputs[0].type, torch::kFloat32);
  EXPECT_EQ(file.opset, 17);
}

TEST(OnnxExport, HasFreeSidesWhereTheNetTakesThem) {
  auto model = unet_model({.in = 4, .out = 3, .base = 2, .depth = 2}, 16);
  auto file = onnx_file(model);
  EXPECT_THAT(file.inputs[0].shape, ElementsAre(kBatch, OnnxExtent(3), kHeight, kWidth));
  EXPECT_THAT(file.inputs[1].shape, ElementsAre(kBatch, OnnxExtent(1), kHeight, kWidth));
  EXPECT_THAT(file.inputs[0].meaning, HasSubstr("multiples of 4, at least 8 pixels"));
  EXPECT_EQ(file.metadata.at("monge.size_multiple"), "4");
  EXPECT_EQ(file.metadata.at("monge.size_least"), "8");
  model.sizes.reset();
  file = onnx_file(model);
  EXPECT_THAT(file.inputs[0].shape, ElementsAre(kBatch, OnnxExtent(3), OnnxExtent(16), OnnxExtent(16)));
  EXPECT_FALSE(file.metadata.contains("monge.size_multiple"));
  model.noise.vector = true;
  EXPECT_THAT(onnx_file(model).inputs[1].shape, ElementsAre(kBatch, OnnxExtent(1)));
}

TEST(OnnxExport, HasNoNoiseInputsIfItIsDeterministic) {
  auto model = mlp_model({.in = 5, .out = 3, .mlp = {.hidden = {8}}});
  model.smoothing = {.eps = 0.1};
  EXPECT_THAT(input_names(onnx_file(model)), ElementsAre("x", "noise", "smoothing_noise"));
  EXPECT_EQ(onnx_file(model).metadata.at("monge.deterministic"), "false");
  model.deterministic = true;
  EXPECT_THAT(input_names(onnx_file(model)), ElementsAre("x"));
  EXPECT_EQ(onnx_file(model).metadata.at("monge.deterministic"), "true");
}

TEST(OnnxExport, HoldsTheWeightsUnderTheirKeys) {
  const auto mlp = std::make_shared<nn::MlpPotential>(
      nn::MlpPotentialOptions{.dim = 2, .mlp = {.hidden = {8, 8}}, .quadratic = true});
  const Model models[] = {mlp_model({.in = 3, .out = 2, .mlp = {.hidden = {8, 4}}}),
                          unet_model({.base = 2, .depth = 2, .norm = "group"}, 16),
                          unet_model({.base = 2, .depth = 1}, 16),
                          ddpm_model({.noise = 4, .noise_vector = true, .width = 8, .depth = 1}, 16),
                          light_model({.dim = 2, .components = 3, .epsilon = 1})};
  for (const auto& model : models) {
    const auto file = onnx_file(model);
    std::map<std::string, torch::Tensor> written(file.initializers.begin(), file.initializers.end());
    for (const auto& [key, value] : nn::state_dict(*model.net)) {
      if (key.ends_with("num_batches_tracked")) continue;
      ASSERT_TRUE(written.contains(key)) << key;
      EXPECT_TRUE(torch::equal(written.at(key), value)) << key;
    }
    EXPECT_FALSE(io::onnx_bytes(file).empty());  // and is a graph whose values are given before they are read
    EXPECT_THAT(unread(file), ElementsAre());
  }
  for (const auto& activation : nn::activation_names()) {
    const nn::MlpPotentialOptions options{.dim = 2, .mlp = {.hidden = {8, 8}, .activation = activation}};
    EXPECT_THAT(unread(onnx_file(gradient_model(std::make_shared<nn::MlpPotential>(options), 2, 0.5))), ElementsAre());
  }
  EXPECT_THAT(unread(onnx_file(gradient_model(
                  std::make_shared<nn::IcnnPotential>(nn::IcnnOptions{.dim = 2, .hidden = {8, 8}}), 2, 0.5))),
              ElementsAre());
  // The value of a potential is not needed for its gradient: its last bias is left out.
  const auto file = onnx_file(gradient_model(mlp, 2, 0.5));
  std::map<std::string, torch::Tensor> written(file.initializers.begin(), file.initializers.end());
  EXPECT_THAT(unread(file), ElementsAre());
  EXPECT_TRUE(written.contains("potential.4.weight"));
  EXPECT_FALSE(written.contains("potential.4.bias"));
  EXPECT_TRUE(torch::equal(written.at("potential.quadratic.A"), mlp->named_parameters()["quadratic.A"]));
}

TEST(OnnxExport, StandardisesInDoubleAndRoundsOnce) {
  auto model = mlp_model({.in = 2, .out = 2, .mlp = {.hidden = {8}}});
  EXPECT_FALSE(operators(onnx_file(model)).contains("Cast"));
  EXPECT_THAT(message_of([&] { onnx_file(model, {.float64 = true}); }), HasSubstr("has no standardisation"));
  const data::Columns side{torch::tensor({3., 4.}, torch::kFloat64), torch::tensor({1., 2.}, torch::kFloat64)};
  model.standardisation = data::Standardisation{side, side};
  EXPECT_TRUE(operators(onnx_file(model)).contains("Cast"));
  EXPECT_EQ(onnx_file(model).inputs[0].type, torch::kFloat32);
  const auto wide = onnx_file(model, {.float64 = true});
  EXPECT_EQ(wide.inputs[0].type, torch::kFloat64);
  EXPECT_EQ(wide.outputs[0].type, torch::kFloat64);
  EXPECT_THAT(wide.metadata.at("monge.inputs"), HasSubstr("\"float64\""));
}

TEST(OnnxExport, NamesTheColumnsThatFloat32CannotHold) {
  auto model = mlp_model({.in = 2, .out = 2, .mlp = {.hidden = {8}}});
  EXPECT_THAT(columns_beyond_float32(model), ElementsAre());
  const auto side = [](double mean) {
    return data::Columns{torch::tensor({3., mean}, torch::kFloat64), torch::tensor({1., 10.}, torch::kFloat64)};
  };
  model.standardisation = data::Standardisation{side(1e5), side(1e4)};
  EXPECT_THAT(columns_beyond_float32(model), ElementsAre());
  model.standardisation = data::Standardisation{side(0), side(1.75e9)};
  EXPECT_THAT(columns_beyond_float32(model), ElementsAre(1));
}

TEST(OnnxExport, SaysWhereItComesFrom) {
  const train::ShortRun run;
  const auto model = load_model(run.folder.path(), torch::kCPU, silent());
  const auto file = onnx_file(model);
  EXPECT_EQ(file.producer, "monge");
  EXPECT_EQ(file.producer_version, version());
  EXPECT_EQ(file.metadata.at("monge.version"), version());
  EXPECT_EQ(file.metadata.at("monge.origin"), run.folder.path().string());
  EXPECT_EQ(file.metadata.at("monge.iteration"), "6");
  EXPECT_EQ(file.metadata.at("monge.direction"), "forward");
  EXPECT_EQ(file.metadata.at("monge.item_shape"), "[2]");
  EXPECT_THAT(file.metadata.at("monge.recipe"), HasSubstr("method = \"strong\""));
  const auto inputs = nlohmann::json::parse(file.metadata.at("monge.inputs"));
  ASSERT_EQ(inputs.size(), 1u);
  EXPECT_EQ(inputs[0]["name"], "x");
  EXPECT_EQ(inputs[0]["shape"], (nlohmann::json{"batch", 2}));
  EXPECT_EQ(inputs[0]["meaning"], "rows in raw units");
  EXPECT_EQ(io::onnx_bytes(file), io::onnx_bytes(onnx_file(model))) << "two exports differ";
}

TEST(OnnxExport, WritesTheInverseMap) {
  auto recipe = train::recipe_for("strong", false);
  recipe.train.directions = "both";
  recipe.train.iterations = 4;
  testing::ScratchFolder folder;
  train::trainer_in(folder.path(), recipe, false).run(std::atomic<bool>{false});
  const auto model = load_model(folder.path(), torch::kCPU, silent());
  const auto file = onnx_file(model.inverse());
  EXPECT_EQ(file.metadata.at("monge.direction"), "inverse");
  std::map<std::string, torch::Tensor> written(file.initializers.begin(), file.initializers.end());
  EXPECT_TRUE(torch::equal(written.at("0.weight"), model.inverse_net->named_parameters()["0.weight"]));
}

TEST(OnnxExport, LeavesAnExistingFileWhenItFails) {
  const testing::ScratchFolder folder;
  const auto model = mlp_model({.in = 2, .out = 2, .mlp = {.hidden = {8}}});
  export_onnx(model, folder / "map.onnx");
  const auto before = real_files().read(folder / "map.onnx");
  EXPECT_THAT(message_of([&] { export_onnx(model, folder / "map.onnx", {.opset = 22}); }),
              HasSubstr("onnx: opset = 22 (allowed: 17..21)"));
  EXPECT_EQ(real_files().read(folder / "map.onnx"), before);
}

/// A net that the library does not know.
class Shift : public nn::MapNet {
 public:
  Shift() { shift_ = register_parameter("shift", torch::ones({2})); }
  torch::Tensor forward(const torch::Tensor& input) override { return input + shift_; }

 private:
  torch::Tensor shift_;
};

class OtherMlp : public nn::MlpMap {
 public:
  using nn::MlpMap::MlpMap;
};

TEST(OnnxExport, RefusesANetWithoutAGraphUntilItsProgramBringsOne) {
  const auto model = model_of_net(std::make_shared<Shift>(), {2});
  EXPECT_THAT(message_of([&] { onnx_file(model); }),
              AllOf(HasSubstr("there is no ONNX graph of this map"), HasSubstr("Shift"),
                    HasSubstr("unet, ddpm, mlp, gradient, light"), HasSubstr("net_graphs()")));
  // A derived class may compute something else.
  const auto derived =
      model_of_net(std::make_shared<OtherMlp>(nn::MlpMapOptions{.in = 2, .out = 2, .mlp = {.hidden = {8}}}), {2});
  EXPECT_THAT(message_of([&] { onnx_file(derived); }), HasSubstr("OtherMlp"));

  const auto build = [](onnx::Graph& graph, const Shift&, const onnx::NetInputs& inputs) {
    return graph.add(inputs.x, graph.weight("shift"));
  };
  onnx::net_graphs().add("shift", onnx::net_graph<Shift>(build));
  EXPECT_THAT(operators(onnx_file(model)), ElementsAre("Add", "Identity"));
}

}  // namespace
}  // namespace monge::model

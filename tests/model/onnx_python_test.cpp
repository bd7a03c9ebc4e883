// onnxruntime computes what the map computes, for every net: within 1e-4, relative to the larger of 1 and the value.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <torch/types.h>

#include <cstdlib>
#include <iostream>

#include "monge/core/files.h"
#include "monge/io/npy.h"
#include "monge/model/onnx_export.h"
#include "monge/nn/activation.h"
#include "tests/model/onnx_models.h"
#include "tests/support/support.h"

namespace monge::model {
namespace {

namespace fs = std::filesystem;

/// Height and width of the images of a batch; of no meaning for vectors.
using Size = std::pair<int64_t, int64_t>;

/// Writes models and their outputs into a folder, and lets Python compare them.
class OnnxPython : public ::testing::Test {
 protected:
  /// Writes a case with batches of 1 and 7.
  void add(const std::string& name, const Model& model, const std::vector<Size>& sizes = {{0, 0}},
           const OnnxOptions& options = {}) {
    export_onnx(model, folder_ / (name + ".onnx"), options);
    int64_t step = 0;
    for (const auto& [height, width] : sizes) {
      for (const int64_t batch : {1, 7}) {
        auto inputs = inputs_of(model, batch, height, width, step++);
        if (options.float64) inputs.x = inputs.x.to(torch::kFloat64);
        const auto y = outputs_for(model, inputs.x, inputs.noises);
        const auto to = folder_ / name / text(batch, '_', height, 'x', width);
        fs::create_directories(to);
        io::write_npy(to / "x.npy", inputs.x);
        const auto noises = noise_inputs(model);
        for (size_t i = 0; i < noises.size(); ++i) io::write_npy(to / (noises[i].name + ".npy"), inputs.noises[i]);
        io::write_npy(to / "y.npy", y);
      }
    }
  }

  /// The test's body ends with this.
  void compare() {
    const char* named = std::getenv("MONGE_ONNX_PYTHON");
    const auto output = scratch_ / "output";
    const auto command = text(named ? named : "python3", " '" MONGE_SOURCE_DIR "/tests/model/onnx_check.py' '",
                              folder_.string(), "' > '", output.string(), "' 2>&1");
    const int status = std::system(command.c_str()), code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    const auto words = real_files().read(output);
    if (code == 77 || code == 127)
      GTEST_SKIP() << "needs a Python with numpy, onnx and onnxruntime, named by MONGE_ONNX_PYTHON: " << words;
    EXPECT_EQ(code, 0) << words;
    std::cout << words;
  }

  testing::ScratchFolder scratch_;
  fs::path folder_ = scratch_ / "cases";

 private:
  void SetUp() override {
    torch::manual_seed(0);  // the initial weights
    fs::create_directories(folder_);
  }
};

nn::MlpOptions layers(std::vector<int64_t> hidden, const std::string& activation = "silu") {
  return {.hidden = std::move(hidden), .activation = activation};
}

/// Means and scales of D columns, of unlike sizes.
data::Standardisation standardisation_of(int64_t dim, double mean) {
  const auto column = torch::arange(dim, torch::kFloat64);
  const auto side = [&](double shift) { return data::Columns{mean + shift * (column + 1), (column + 1) / 3}; };
  return {side(0.3), side(-2)};
}

TEST_F(OnnxPython, MlpMaps) {
  for (const auto& activation : nn::activation_names()) {
    add("small_" + activation, mlp_model({.in = 2, .out = 2, .mlp = layers({16, 16}, activation)}));
    add("middle_" + activation, mlp_model({.in = 7, .out = 5, .mlp = layers({64, 32, 64}, activation)}));
    add("large_" + activation,
        mlp_model({.in = 40, .out = 33, .mlp = layers({128, 128, 128}, activation), .residual = true}, 0.3));
  }
  add("one_layer", mlp_model({.in = 3, .out = 3, .mlp = layers({}), .residual = true}));
  add("deep", mlp_model({.in = 1, .out = 1, .mlp = layers(std::vector<int64_t>(20, 8), "tanh"), .residual = true}));
  compare();
}

TEST_F(OnnxPython, TheStepsAroundTheNet) {
  const auto map = [] { return mlp_model({.in = 4, .out = 3, .mlp = layers({32, 32}), .residual = true}); };
  auto model = map();
  model.standardisation = standardisation_of(3, 40);
  add("standardised", model);
  model.limits = OutputLimits{torch::full({1}, 38.0, torch::kFloat64), torch::full({1}, 1e9, torch::kFloat64)};
  add("limited", model);
  model.deterministic = true;
  add("limited_mean", model);
  model.deterministic = false;
  model.standardisation = standardisation_of(3, 5.8e6);
  model.limits.reset();
  add("far_from_zero", model, {{0, 0}}, {.float64 = true});
  for (const bool preserves : {false, true}) {
    auto smoothed = map();
    smoothed.smoothing = {.preserve_variance = preserves, .eps = 0.4};
    const std::string kind = preserves ? "vp" : "ve";
    add("smoothed_" + kind, smoothed);
    smoothed.deterministic = true;
    add("smoothed_mean_" + kind, smoothed);
  }
  model = map();
  const double infinite = std::numeric_limits<double>::infinity();
  model.limits = OutputLimits{torch::full({1}, -infinite, torch::kFloat64), torch::full({1}, 0.1, torch::kFloat64)};
  add("limited_above", model);
  model = map();
  nn::to_type(*model.net, torch::kFloat64);
  add("weights_in_double", model);
  for (int64_t opset = io::kLeastOpset; opset <= io::kMostOpset; ++opset)
    add(text("opset_", opset), map(), {{0, 0}}, {.opset = opset});
  compare();
}

TEST_F(OnnxPython, GradientMaps) {
  struct Size {
    int64_t dim, width;
    size_t depth;
  };
  for (const auto& [dim, width, depth] : {Size{1, 16, 1}, {5, 64, 2}, {32, 128, 3}}) {
    for (const char* activation : {"silu", "elu", "softplus", "tanh", "relu", "leaky_relu"}) {
      for (const bool quadratic : {false, true}) {
        const nn::MlpPotentialOptions options{
            .dim = dim, .mlp = layers(std::vector<int64_t>(depth, width), activation), .quadratic = quadratic};
        add(text("mlp_", activation, quadratic ? "_quadratic_" : "_", dim),
            gradient_model(std::make_shared<nn::MlpPotential>(options), dim, 0.5 / static_cast<double>(dim)));
      }
    }
    const nn::IcnnOptions options{.dim = dim, .hidden = std::vector<int64_t>(depth, width), .tau = 0.3};
    auto icnn = std::make_shared<nn::IcnnPotential>(options);
    {
      const torch::NoGradGuard no_grad;
      icnn->named_parameters()["pass.last"].fill_(2);  // it starts so small that the map hardly depends on the layers
    }
    add(text("icnn_", dim), gradient_model(std::move(icnn), dim, 0.3));
  }
  add("linear", gradient_model(std::make_shared<nn::MlpPotential>(
                                   nn::MlpPotentialOptions{.dim = 3, .mlp = layers({}), .quadratic = true}),
                               3, 0.5));
  compare();
}

TEST_F(OnnxPython, UNets) {
  const std::vector<Size> sizes{{16, 16}, {32, 48}, {19, 26}};  // the last one leaves odd sides, which are padded
  for (const char* norm : {"batch", "group"}) {
    const std::string n = norm;
    add("small_" + n, unet_model({.in = 1, .out = 1, .base = 3, .depth = 1, .norm = norm}, 16), sizes);
    add("middle_" + n,
        unet_model({.in = 4, .out = 3, .base = 8, .depth = 2, .norm = norm, .output = "tanh", .residual = true}, 16),
        sizes);
    add("large_" + n, unet_model({.in = 5, .out = 3, .base = 16, .depth = 4, .norm = norm, .output = "clamp"}, 32),
        {{32, 32}, {48, 64}, {33, 27}});
  }
  add("least_side", unet_model({.base = 4, .depth = 4}, 8), {{8, 8}, {8, 9}, {15, 8}, {9, 24}});
  add("noise_vector", unet_model({.in = 5, .out = 3, .base = 6, .depth = 2}, 16, /*vector=*/true), sizes);
  add("patch_2", unet_model({.in = 4, .out = 3, .base = 8, .depth = 2, .residual = true, .patch = 2}, 32),
      {{16, 32}, {32, 32}, {26, 38}});
  add("patch_3", unet_model({.in = 3, .out = 3, .base = 6, .depth = 1, .norm = "group", .patch = 3}, 24),
      {{24, 24}, {24, 48}, {27, 33}});
  auto fixed = unet_model({.in = 4, .out = 3, .base = 4, .depth = 2}, 20);
  fixed.sizes.reset();
  add("one_size", fixed, {{20, 20}});
  add("state_dict", unet_model({.in = 4, .out = 3, .base = 4, .depth = 2}, /*side=*/0), sizes);
  auto smoothed = unet_model({.in = 4, .out = 3, .base = 4, .depth = 2}, 16);
  smoothed.smoothing = {.preserve_variance = true, .eps = 0.3, .tint = 0.4};
  add("smoothed_with_tint", smoothed, sizes);
  smoothed.deterministic = true;
  add("mean", smoothed, sizes);
  compare();
}

TEST_F(OnnxPython, DdpmMaps) {
  const std::vector<Size> sizes{{16, 16}, {32, 48}, {19, 26}};
  add("small", ddpm_model({.in = 1, .out = 1, .width = 4, .depth = 1, .attention = false}, 16), sizes);
  add("middle", ddpm_model({.noise = 2, .width = 8, .depth = 2, .blocks = 2, .residual = true, .output = "clamp"}, 16),
      sizes);
  add("large",
      ddpm_model({.noise = 16, .noise_vector = true, .width = 16, .depth = 3, .residual = true, .output = "tanh"}, 32),
      {{32, 32}, {48, 64}, {33, 27}});
  add("no_style", ddpm_model({.noise = 0, .noise_vector = true, .width = 24, .width_max = 32, .depth = 2}, 16), sizes);
  auto mean = ddpm_model({.noise = 5, .noise_vector = true, .width = 8, .depth = 2}, 16);
  mean.deterministic = true;
  add("mean_style", mean, sizes);
  mean = ddpm_model({.noise = 5, .width = 8, .depth = 2}, 16);
  mean.deterministic = true;
  add("mean_pixels", mean, sizes);
  compare();
}

TEST_F(OnnxPython, PlansInClosedForm) {
  for (const auto& options : {nn::GaussianPlanOptions{.dim = 1, .components = 1, .epsilon = 0.5},
                              {.dim = 2, .components = 50, .epsilon = 0.1},
                              {.dim = 16, .components = 100, .epsilon = 1}}) {
    auto model = light_model(options);
    add(text("draw_", options.dim), model);
    model.deterministic = true;
    add(text("mean_", options.dim), model);
    model.deterministic = false;
    model.standardisation = standardisation_of(options.dim, 3);
    add(text("standardised_", options.dim), model);
  }
  compare();
}

}  // namespace
}  // namespace monge::model

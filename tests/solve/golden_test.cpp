// The training traces of shared/fixtures/parity (README, section 2): five outer iterations in double, with stored
// batches and noises, against losses and final states of an independent implementation.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <map>

#include "monge/io/safetensors.h"
#include "monge/ot/noised.h"
#include "monge/ot/weak.h"
#include "monge/solve/nets.h"
#include "monge/solve/solver.h"
#include "tests/support/support.h"

namespace monge::solve {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

Tensors read(const std::string& name) {
  Tensors out;
  for (const auto& [key, tensor] : io::read_safetensors(testing::shared_folder() / "fixtures/parity" / name).tensors) {
    out[key] = tensor;
  }
  return out;
}

SolverOptions golden_recipe(const std::string& method, bool image) {
  SolverOptions recipe;
  recipe.method = method;
  auto& weak = recipe.section<ot::WeakOptions>();
  weak.gamma0 = weak.gamma1 = 0.33;
  weak.z = 4;
  auto& noised = recipe.section<ot::NoisedOptions>();
  noised.embedding = "sigma";
  noised.scale_input = noised.normalise = false;
  noised.clip = 0;
  recipe.map.width = image ? 2 : 16;
  recipe.map.depth = image ? 4 : 2;
  recipe.potential.width = image ? 4 : 16;
  recipe.potential.width_max = 8;
  recipe.potential.depth = 2;
  recipe.map.activation = recipe.potential.activation = "relu";
  recipe.train.k_t = 3;
  recipe.train.lr_map = recipe.train.lr_potential = 1e-3;
  recipe.train.betas = {0.9, 0.999};
  recipe.train.weight_decay = 1e-10;
  recipe.train.ema = 0;
  recipe.train.precision = "fp64";
  recipe.train.eval_map_in_potential_step = true;
  return recipe;
}

void load(torch::nn::Module& net, const Tensors& data, const std::string& prefix) {
  at::NoGradGuard no_grad;
  for (auto& [key, tensor] : nn::state_dict(net)) tensor.copy_(data.at(prefix + key).reshape(tensor.sizes()));
}

double largest_error(const torch::nn::Module& net, const Tensors& data, const std::string& prefix) {
  double worst = 0;
  for (const auto& [key, tensor] : nn::state_dict(net)) {
    const auto golden = data.at(prefix + key).to(torch::kFloat64).reshape(tensor.sizes());
    worst = std::max(worst, (tensor.detach().to(torch::kFloat64) - golden).abs().max().item<double>());
  }
  return worst;
}

class GoldenTrace : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenTrace, LossesAndFinalStatesAgreeTo1e8) {
  MONGE_NEEDS_SHARED("fixtures/parity");
  const auto name = GetParam();
  const auto method = name.substr(0, name.find('_'));
  const bool image = name.ends_with("image");
  const auto data = read("train_" + name + ".safetensors");
  const auto losses = read("losses.safetensors");
  const auto recipe = golden_recipe(method, image);
  const std::vector<int64_t> shape = image ? std::vector<int64_t>{3, 16, 16} : std::vector<int64_t>{2};
  auto nets = make_nets(recipe, shape, shape);
  Solver solver(recipe, nets.map, nets.ema, nets.potential, image ? 768 : 2, torch::kCPU);
  load(solver.map(), data, "init/T/");
  load(solver.potential(), data, "init/f/");

  const auto wide = [&](const std::string& key) { return data.at(key).to(torch::kFloat64); };
  const auto perturbation = [&](const torch::Tensor& sigma, const torch::Tensor& unit) {
    return ot::Perturbation{sigma, unit * sigma.view({-1, 1, 1, 1}), 4 + 1 / sigma.square()};
  };
  for (int64_t k = 0; k < 5; ++k) {
    for (int64_t t = 0; t < 3; ++t) {
      Draws draws;
      if (method == "weak") draws.z = wide("z_T")[k][t];
      if (method == "noised") draws.perturbation = perturbation(wide("sigma_T")[k][t], wide("eps_T")[k][t]);
      const auto update = solver.map_update(wide("X_T")[k][t], draws, k);
      EXPECT_NEAR(update.loss.item<double>(), losses.at(name + "/T")[k][t].item<double>(), 1e-8)
          << "outer " << k << " map " << t;
    }
    Draws draws;
    if (method == "weak") draws.z = wide("z_f")[k].unsqueeze(1);
    if (method == "noised") draws.perturbation = perturbation(wide("sigma_f")[k], wide("eps_f")[k]);
    const auto update = solver.potential_update(wide("X_f")[k], wide("Y_f")[k], draws, k);
    EXPECT_NEAR(update.loss.item<double>(), losses.at(name + "/f")[k].item<double>(), 1e-8) << "outer " << k;
  }
  EXPECT_LT(largest_error(solver.map(), data, "final/T/"), 1e-8);
  EXPECT_LT(largest_error(solver.potential(), data, "final/f/"), 1e-8);
}

INSTANTIATE_TEST_SUITE_P(Public, GoldenTrace,
                         ::testing::Values("strong_mlp", "weak_mlp", "strong_image", "weak_image", "noised_image"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace monge::solve

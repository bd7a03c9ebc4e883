// Short trainings in double, with stored batches and noises, against losses and final states of an independent
// implementation: the small ones of tests/fixtures (make_nets.py) and those of shared/fixtures/parity (README, section
// 2).
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

Tensors read(const std::filesystem::path& path) {
  Tensors out;
  for (const auto& [key, tensor] : io::read_safetensors(path).tensors) out[key] = tensor;
  return out;
}

SolverOptions golden_recipe(const std::string& method, bool image, int64_t depth) {
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
  recipe.map.depth = depth;
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

/// @param name  METHOD_image or METHOD_mlp.
/// @param depth  of the map.
/// @param losses_T, losses_f  [outer] by map steps, [outer].
void expect_trace(const std::string& name, int64_t depth, const Tensors& data, const torch::Tensor& losses_T,
                  const torch::Tensor& losses_f) {
  const auto method = name.substr(0, name.find('_'));
  const auto recipe = golden_recipe(method, name.ends_with("image"), depth);
  const auto shape = data.at("X_T").sizes().slice(3).vec();  // [outer, map steps, batch] come first
  auto nets = make_nets(recipe, shape, shape);
  Solver solver(recipe, nets.map, nets.ema, nets.potential, c10::multiply_integers(shape), torch::kCPU);
  load(solver.map(), data, "init/T/");
  load(solver.potential(), data, "init/f/");

  const auto wide = [&](const std::string& key) { return data.at(key).to(torch::kFloat64); };
  const auto perturbation = [&](const torch::Tensor& sigma, const torch::Tensor& unit) {
    return ot::Perturbation{sigma, unit * sigma.view({-1, 1, 1, 1}), 4 + 1 / sigma.square()};
  };
  for (int64_t k = 0; k < losses_f.size(0); ++k) {
    for (int64_t t = 0; t < losses_T.size(1); ++t) {
      Draws draws;
      if (method == "weak") draws.z = wide("z_T")[k][t];
      if (method == "noised") draws.perturbation = perturbation(wide("sigma_T")[k][t], wide("eps_T")[k][t]);
      const auto update = solver.map_update(wide("X_T")[k][t], draws, k);
      EXPECT_NEAR(update.loss.item<double>(), losses_T[k][t].item<double>(), 1e-8) << "outer " << k << " map " << t;
    }
    Draws draws;
    if (method == "weak") draws.z = wide("z_f")[k].unsqueeze(1);
    if (method == "noised") draws.perturbation = perturbation(wide("sigma_f")[k], wide("eps_f")[k]);
    const auto update = solver.potential_update(wide("X_f")[k], wide("Y_f")[k], draws, k);
    EXPECT_NEAR(update.loss.item<double>(), losses_f[k].item<double>(), 1e-8) << "outer " << k;
  }
  EXPECT_LT(largest_error(solver.map(), data, "final/T/"), 1e-8);
  EXPECT_LT(largest_error(solver.potential(), data, "final/f/"), 1e-8);
}

const auto trained = ::testing::Values("strong_mlp", "weak_mlp", "strong_image", "weak_image", "noised_image");

class CommittedTrace : public ::testing::TestWithParam<std::string> {};

TEST_P(CommittedTrace, LossesAndFinalStatesAgreeTo1e8) {
  const auto data = read(testing::fixtures_folder() / "parity" / ("train_" + GetParam() + ".safetensors"));
  expect_trace(GetParam(), 2, data, data.at("losses/T"), data.at("losses/f"));
}

INSTANTIATE_TEST_SUITE_P(Small, CommittedTrace, trained, [](const auto& info) { return info.param; });

class GoldenTrace : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenTrace, LossesAndFinalStatesAgreeTo1e8) {
  MONGE_NEEDS_SHARED("fixtures/parity");
  const auto folder = testing::shared_folder() / "fixtures/parity";
  const auto losses = read(folder / "losses.safetensors");
  expect_trace(GetParam(), GetParam().ends_with("image") ? 4 : 2,
               read(folder / ("train_" + GetParam() + ".safetensors")), losses.at(GetParam() + "/T"),
               losses.at(GetParam() + "/f"));
}

INSTANTIATE_TEST_SUITE_P(Public, GoldenTrace, trained, [](const auto& info) { return info.param; });

}  // namespace
}  // namespace monge::solve

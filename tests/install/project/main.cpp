// Trains a map in memory, saves it, loads it and applies it to a table and a tensor, by the installed package alone.
#include <monge/monge.h>
#include <monge/nn/mlp.h>
#include <monge/ot/cost.h>

#include <filesystem>
#include <fstream>
#include <iostream>

namespace {

int fail(const std::string& what) {
  std::cerr << what << std::endl;
  return 1;
}

}  // namespace

int main() try {
  torch::manual_seed(0);
  const auto source = torch::randn({2000, 2}), target = torch::randn({2000, 2}) + torch::tensor({3.0F, 1.0F});
  monge::Recipe recipe;
  recipe.train.iterations = 300;
  recipe.train.batch = 128;
  recipe.train.lr_map = recipe.train.lr_potential = 1e-3;
  recipe.map.residual = recipe.map.zero_last = true;
  recipe.map.width = recipe.potential.width = 32;
  int64_t evaluations = 0;
  monge::Session::Options options;
  options.compute.threads = 1;
  options.hooks.evaluated = [&](int64_t, const monge::eval::Evaluation&) { ++evaluations; };
  const auto session = monge::Session::train(recipe, source, target, options);
  if (!session.complete() || evaluations == 0) return fail("the training did not end with an evaluation");

  const auto folder = std::filesystem::temp_directory_path() / "monge-outside";
  std::filesystem::create_directories(folder);
  session.model().save(folder / "map.safetensors");
  const auto model = monge::Model::load(folder / "map.safetensors", {.device = "cpu"});
  const auto outputs = model.translate(source);
  if (!torch::equal(outputs, session.model().translate(source))) return fail("a saved map gives other outputs");
  const auto mean = outputs.mean(0).flatten();
  if ((mean - torch::tensor({3.0F, 1.0F})).abs().max().item<float>() > 0.3F) return fail("the map misses its target");

  std::ofstream(folder / "in.csv") << "x,y\n0,0\n1,2\n";
  const auto result = model.translate((folder / "in.csv").string(), (folder / "out.csv").string());
  if (result.items != 2 || !std::filesystem::exists(folder / "out.csv")) return fail("the table was not translated");
  const auto evaluation = model.evaluate({.source = source, .target = target, .samples = 256}).evaluation;
  std::filesystem::remove_all(folder);

  try {
    monge::Model::load("no-such-model");
    return fail("a missing model was loaded");
  } catch (const monge::InputError&) {
  }
  // The networks and costs alone.
  monge::nn::MlpMap map({.in = 2, .out = 2, .mlp = {.hidden = {8}}});
  const auto cost = monge::ot::squared_cost(source, map.forward(source), 0.5);
  std::cout << "monge " << monge::version() << ": mean " << mean[0].item<float>() << ", " << mean[1].item<float>()
            << "; the map " << evaluation.verdict() << "; " << cost.sizes() << std::endl;
  return 0;
} catch (const monge::Error& error) {
  return fail(error.what());
}

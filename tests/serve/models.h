// Small models and runs, trained in a second.
#pragma once

#include <filesystem>

#include "monge/core/random.h"
#include "monge/monge.h"

namespace monge::serve::testing {

inline train::Recipe small_recipe(const std::string& method) {
  train::Recipe recipe;
  recipe.method = method;
  recipe.train.iterations = recipe.train.k_t = 1;
  recipe.train.batch = 4;
  recipe.train.threads = 1;
  recipe.eval.samples = 8;
  recipe.samples.every = 0;
  return recipe;
}

/// A map of images of 16 x 16 pixels; with the method weak it has noise.
inline session::Model small_image_model(const std::string& method = "strong", int64_t channels = 3) {
  auto recipe = small_recipe(method);
  recipe.map.width = 4;
  recipe.map.depth = 2;
  recipe.map.patch = 2;
  recipe.map.norm = "group";
  recipe.potential.width = recipe.potential.width_max = 4;
  const auto side = [&](const char* name) {
    return torch::rand({40, channels, 16, 16}, RandomStreams(1).at(name, 0)) * 2 - 1;
  };
  return session::Session::train(recipe, side("x"), side("y")).model();
}

/// A map of the plane.
inline session::Model small_vector_model(const std::string& method = "strong", const std::string& standardise = "off") {
  auto recipe = small_recipe(method);
  recipe.map.width = recipe.potential.width = 16;
  recipe.data.standardise = standardise;
  const auto side = [&](const char* name) { return torch::randn({64, 2}, RandomStreams(1).at(name, 0)); };
  return session::Session::train(recipe, side("x"), side("y")).model();
}

/// A run directory with a map of the plane between formulas.
inline void make_run(const std::filesystem::path& folder) {
  auto recipe = small_recipe("strong");
  recipe.source.path = "toy:gaussian";
  recipe.target.path = "toy:moons";
  recipe.map.width = recipe.potential.width = 16;
  recipe.train.iterations = 3;
  recipe.samples.every = 1;
  session::Session::train(recipe, {}, {}, {.out = folder, .compute = {}, .hooks = {}});
}

}  // namespace monge::serve::testing

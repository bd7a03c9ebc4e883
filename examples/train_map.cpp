// Trains a map between two clouds of points in memory and applies it; prints the mean of its outputs, close to (3, 1).
#include <iostream>

#include "monge/monge.h"

int main() {
  torch::manual_seed(0);
  const auto source = torch::randn({2000, 2}), target = torch::randn({2000, 2}) + torch::tensor({3.0f, 1.0f});
  monge::Recipe recipe;
  recipe.train.iterations = 300;
  recipe.train.batch = 128;
  recipe.map.residual = recipe.map.zero_last = true;
  const auto session = monge::Session::train(recipe, source, target);
  const auto outputs = session.model().translate(source);  // [2000, 1, 2]
  std::cout << "the map " << session.evaluation()->verdict() << "\n"
            << "mean " << outputs.mean(0).flatten() << "\n";
}

#include <monge/core/version.h>
#include <monge/nn/mlp.h>
#include <monge/ot/cost.h>

#include <iostream>

int main() {
  monge::nn::MlpMap map({.in = 2, .out = 2, .mlp = {.hidden = {8}}});
  const auto x = torch::ones({4, 2});
  const auto cost = monge::ot::squared_cost(x, map.forward(x), 0.5);
  std::cout << "monge " << monge::version() << " " << cost.sizes() << std::endl;
  return cost.size(0) == 4 ? 0 : 1;
}

// The graphs of gradient maps, x - grad g(x) / (2 tau): the derivative of each potential is written out.
#include <torch/types.h>

#include <string>
#include <vector>

#include "monge/model/onnx/layers.h"
#include "monge/model/onnx/net_graphs.h"
#include "monge/nn/gradient_map.h"
#include "monge/nn/icnn.h"
#include "monge/nn/mlp.h"

namespace monge::model::onnx {

Value build_gradient_map(Graph& graph, const nn::GradientMap& net, const NetInputs& inputs) {
  const auto gradient = build_gradient(graph, *net.potential(), "potential.", inputs.x);
  return graph.subtract(inputs.x, graph.scaled(gradient, net.scale()));
}

/// With h_l = act(a_l), a_l = W_l h_(l-1) + b_l and f = w h_L: the chain rule from the last layer down,
/// u_L = w, u_(l-1) = (u_l act'(a_l)) W_l.
Value build_mlp_gradient(Graph& graph, const nn::MlpPotential& net, const std::string& prefix, const Value& y) {
  const auto& options = net.options();
  const auto kind = nn::activation_named(options.mlp.activation);
  const size_t hidden = options.mlp.hidden.size();
  const auto key = [&](size_t l) { return prefix + std::to_string(2 * l); };
  std::vector<Value> before;
  auto h = y;
  for (size_t l = 0; l < hidden; ++l) {
    before.push_back(linear(graph, key(l), h));
    if (l + 1 < hidden) h = activate(graph, kind, before.back());
  }
  auto up = graph.weight(key(hidden) + ".weight");  // [1, width]
  for (size_t l = hidden; l-- > 0;) {
    const auto down = graph.multiply(up, activation_slope(graph, kind, before[l]));
    up = graph.matrix_product(down, graph.weight(key(l) + ".weight"));
  }
  if (!options.quadratic) return up;
  const auto A = graph.weight(prefix + "quadratic.A");
  const auto both = graph.add(graph.matrix_product(y, A), graph.matrix_product(y, graph.transpose(A, {1, 0})));
  return graph.add(graph.add(up, both), graph.weight(prefix + "quadratic.b"));
}

/// nn::IcnnPotential::value_and_gradient, without the value. The positive weights are computed here once.
Value build_icnn_gradient(Graph& graph, const nn::IcnnPotential& net, const std::string& prefix, const Value& y) {
  const auto& options = net.options();
  const size_t layers = options.hidden.size();
  const auto positive = [&](const std::string& pass) {
    const auto& free = graph.tensor(prefix + "pass." + pass);
    return graph.constant(torch::softplus(free) / static_cast<double>(free.size(1)));
  };
  const auto lift = [&](size_t l) { return prefix + "lift." + std::to_string(l); };
  std::vector<Value> slopes;
  Value z;
  for (size_t l = 0; l < layers; ++l) {
    auto before = linear(graph, lift(l), y);
    if (l > 0) {
      const auto pass = graph.transpose(positive(std::to_string(l)), {1, 0});
      before = graph.add(before, graph.matrix_product(z, pass));
    }
    slopes.push_back(activation_slope(graph, nn::Activation::elu, before));
    if (l + 1 < layers) z = activate(graph, nn::Activation::elu, before);
  }
  const auto curvature = graph.constant(torch::softplus(graph.tensor(prefix + "curvature")));
  auto map = graph.add(graph.weight(prefix + "linear"), graph.multiply(curvature, y));
  auto up = positive("last");
  for (size_t l = layers; l-- > 0;) {
    const auto down = graph.multiply(up, slopes[l]);
    map = graph.add(map, graph.matrix_product(down, graph.weight(lift(l) + ".weight")));
    if (l > 0) up = graph.matrix_product(down, positive(std::to_string(l)));
  }
  return graph.scaled(graph.subtract(y, map), 2 * options.tau);
}

}  // namespace monge::model::onnx

// The graph of a chain of linear layers.
#include "monge/nn/mlp.h"

#include <string>

#include "monge/model/onnx/layers.h"
#include "monge/model/onnx/net_graphs.h"

namespace monge::model::onnx {

Value build_mlp(Graph& graph, const nn::MlpMap& net, const NetInputs& inputs) {
  const auto& options = net.options();
  const auto kind = nn::activation_named(options.mlp.activation);
  const auto input = with_noise(graph, inputs);
  auto h = input;
  const size_t hidden = options.mlp.hidden.size();
  for (size_t l = 0; l <= hidden; ++l) {
    h = linear(graph, std::to_string(2 * l), h);
    if (l < hidden) h = activate(graph, kind, h);
  }
  return options.residual ? graph.add(graph.slice(input, 1, 0, options.out), h) : h;
}

}  // namespace monge::model::onnx

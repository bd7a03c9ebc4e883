#include "monge/model/onnx/layers.h"

#include <cmath>

namespace monge::model::onnx {

Value silu(Graph& graph, const Value& x) { return graph.multiply(x, graph.node("Sigmoid", {x})); }

Value activate(Graph& graph, nn::Activation kind, const Value& x) {
  switch (kind) {
    case nn::Activation::relu:
      return graph.node("Relu", {x});
    case nn::Activation::silu:
      return silu(graph, x);
    case nn::Activation::elu:
      return graph.node("Elu", {x});
    case nn::Activation::leaky_relu:
      return graph.node("LeakyRelu", {x}, {{"alpha", nn::kLeakySlope}});
    case nn::Activation::softplus:
      return graph.node("Softplus", {x});
    case nn::Activation::tanh:
      return graph.node("Tanh", {x});
  }
  return x;
}

Value activation_slope(Graph& graph, nn::Activation kind, const Value& x) {
  const auto one_above_zero = [&](double below) {
    return graph.node("Where", {graph.node("Greater", {x, graph.scalar(0)}), graph.scalar(1), graph.scalar(below)});
  };
  const auto one_minus = [&](const Value& a) { return graph.subtract(graph.scalar(1), a); };
  switch (kind) {
    case nn::Activation::relu:
      return one_above_zero(0);
    case nn::Activation::silu: {
      const auto s = graph.node("Sigmoid", {x});
      return graph.multiply(s, graph.add(graph.scalar(1), graph.multiply(x, one_minus(s))));
    }
    case nn::Activation::elu:
      return graph.node("Exp", {graph.node("Min", {x, graph.scalar(0)})});  // exp(0) is 1
    case nn::Activation::leaky_relu:
      return one_above_zero(nn::kLeakySlope);
    case nn::Activation::softplus:
      return graph.node("Sigmoid", {x});
    case nn::Activation::tanh: {
      const auto t = graph.node("Tanh", {x});
      return one_minus(graph.multiply(t, t));
    }
  }
  return graph.scalar(1);
}

Value linear(Graph& graph, const std::string& key, const Value& x) {
  return graph.node("Gemm", {x, graph.weight(key + ".weight"), graph.weight(key + ".bias")}, {{"transB", int64_t{1}}});
}

Value linear_of_tokens(Graph& graph, const std::string& key, const Value& x) {
  const auto product = graph.matrix_product(x, graph.transpose(graph.weight(key + ".weight"), {1, 0}));
  return graph.add(product, graph.weight(key + ".bias"));
}

Value convolution(Graph& graph, const std::string& key, const Value& x) {
  const int64_t side = graph.tensor(key + ".weight").size(2), pad = side / 2;
  return graph.node(
      "Conv", {x, graph.weight(key + ".weight"), graph.weight(key + ".bias")},
      {{"kernel_shape", std::vector<int64_t>{side, side}}, {"pads", std::vector<int64_t>{pad, pad, pad, pad}}});
}

Value per_channel(Graph& graph, const Value& values_C) { return graph.reshape(values_C, {-1, 1, 1}); }

Value group_norm(Graph& graph, const std::string& key, const Value& x, int64_t groups, double eps) {
  const auto ones = graph.constant(torch::ones({groups})), zeros = graph.constant(torch::zeros({groups}));
  const auto in_groups = graph.reshape(x, {0, groups, -1});
  const auto normal = graph.node("InstanceNormalization", {in_groups, ones, zeros}, {{"epsilon", eps}});
  const auto image = graph.node("Reshape", {normal, graph.shape(x, 0, 4)});
  return graph.add(graph.multiply(image, per_channel(graph, graph.weight(key + ".weight"))),
                   per_channel(graph, graph.weight(key + ".bias")));
}

Value upsample_concat(Graph& graph, const Value& skip, const Value& low) {
  const auto frame = graph.shape(skip, 2, 4);
  const auto doubled = graph.multiply(graph.shape(low, 2, 4), graph.integers({2}));
  const auto size = graph.node("Min", {doubled, frame});
  const auto sizes = graph.concatenate({graph.shape(low, 0, 2), size}, 0);
  const auto up =
      graph.node("Resize", {low, Value{}, Value{}, sizes},
                 {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string("align_corners")}});
  const auto missing = graph.subtract(frame, size), before = graph.divide(missing, graph.integers({2}));
  const auto none = graph.integers({0, 0});
  const auto pads = graph.concatenate({none, before, none, graph.subtract(missing, before)}, 0);
  return graph.concatenate({skip, graph.node("Pad", {up, pads})}, 1);
}

Value mean_branch(Graph& graph, const Value& a, const Value& b) {
  return graph.scaled(graph.add(a, b), std::sqrt(0.5));
}

Value bound_output(Graph& graph, const std::string& kind, const Value& y) {
  if (kind == "none") return y;
  if (kind == "tanh") return graph.node("Tanh", {y});
  return graph.node("Clip", {y, graph.scalar(-1), graph.scalar(1)});
}

}  // namespace monge::model::onnx

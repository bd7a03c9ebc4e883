// The graph of a plan in closed form: a draw, or its mean without noise. See nn/gaussian_plan.h for the formulas.
#include "monge/nn/gaussian_plan.h"

#include <numbers>

#include "monge/model/onnx/net_graphs.h"

namespace monge::model::onnx {

Value build_gaussian_plan(Graph& graph, const nn::GaussianPlanMap& net, const NetInputs& inputs) {
  const auto& options = net.potential()->options();
  const auto wide = [&](const Value& value) { return graph.cast(value, torch::kFloat64); };
  const auto log_alpha = graph.weight("potential.log_alpha"), r = graph.weight("potential.r"),
             log_s = graph.weight("potential.log_s");
  // Exponents are float64, as in the net: those of float32 would choose other components.
  const auto x = wide(inputs.x), r_KD = wide(r), s_KD = graph.node("Exp", {wide(log_s)});
  const auto columns = [&](const Value& w_KD) { return graph.transpose(w_KD, {1, 0}); };
  const auto squares = graph.matrix_product(graph.multiply(x, x), columns(s_KD));
  const auto products = graph.scaled(graph.matrix_product(x, columns(r_KD)), 2, torch::kFloat64);
  const auto exponents = graph.add(
      wide(log_alpha), graph.scaled(graph.add(squares, products), 1 / (2 * options.epsilon), torch::kFloat64));
  const auto weights_BK = graph.node("Softmax", {exponents}, {{"axis", int64_t{1}}});
  if (!inputs.noise) {
    const auto mean =
        graph.add(graph.matrix_product(weights_BK, r_KD), graph.multiply(graph.matrix_product(weights_BK, s_KD), x));
    return graph.cast(mean, torch::kFloat32);
  }

  const auto z_BD = graph.slice(*inputs.noise, 1, 0, options.dim);
  const auto u_B1 = graph.slice(*inputs.noise, 1, options.dim, options.dim + 1);
  // Phi(u) = (1 + erf(u / sqrt 2)) / 2; runtimes have erf in float32.
  const auto error_function = wide(graph.node("Erf", {graph.scaled(u_B1, std::numbers::sqrt2 / 2)}));
  const auto half = graph.scalar(0.5, torch::kFloat64);
  const auto level_B1 = graph.add(half, graph.multiply(half, error_function));
  const auto cumulative_BK = graph.node("CumSum", {weights_BK, graph.constant(torch::full({}, 1, torch::kInt64))});
  const auto passed = graph.cast(graph.node("LessOrEqual", {cumulative_BK, level_B1}), torch::kInt64);
  const auto count_B = graph.node("ReduceSum", {passed, graph.integers({1})}, {{"keepdims", int64_t{0}}});
  const auto component_B = graph.node("Min", {count_B, graph.integers({options.components - 1})});
  const auto of_component = [&](const Value& w_KD) {
    return graph.node("Gather", {w_KD, component_B}, {{"axis", int64_t{0}}});
  };
  const auto s_BD = graph.node("Exp", {of_component(log_s)});
  const auto spread = graph.node("Sqrt", {graph.scaled(s_BD, options.epsilon)});
  return graph.add(graph.add(of_component(r), graph.multiply(s_BD, inputs.x)), graph.multiply(spread, z_BD));
}

}  // namespace monge::model::onnx

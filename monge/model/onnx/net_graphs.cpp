#include "monge/model/onnx/net_graphs.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

#include "monge/core/error.h"
#include "monge/nn/ddpm.h"
#include "monge/nn/gaussian_plan.h"
#include "monge/nn/gradient_map.h"
#include "monge/nn/icnn.h"
#include "monge/nn/mlp.h"
#include "monge/nn/unet.h"

namespace monge::model::onnx {
namespace {

std::string class_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? name.get() : type.name();
}

/// The row of the class of `net`.
template <class Row, class Net>
const Row& row_of(const Registry<Row>& rows, const Net& net, const char* what) {
  for (const auto& name : rows.ordered()) {
    if (rows.at(name).type == typeid(net)) return rows.at(name);
  }
  throw InputError({.what = text("there is no ONNX graph of this ", what),
                    .value = class_name(typeid(net)),
                    .allowed = join(rows.ordered()),
                    .fix = text("a program that brings a network of its own adds its graph to ",
                                "model::onnx::net_graphs() or gradient_graphs()")});
}

}  // namespace

Registry<NetGraph>& net_graphs() {
  static Registry<NetGraph> rows("ONNX graph of a net", {{"unet", net_graph(build_unet)},
                                                         {"ddpm", net_graph(build_ddpm)},
                                                         {"mlp", net_graph(build_mlp)},
                                                         {"gradient", net_graph(build_gradient_map)},
                                                         {"light", net_graph(build_gaussian_plan)}});
  return rows;
}

Registry<GradientGraph>& gradient_graphs() {
  static Registry<GradientGraph> rows("ONNX graph of a gradient", {{"mlp", gradient_graph(build_mlp_gradient)},
                                                                   {"icnn", gradient_graph(build_icnn_gradient)}});
  return rows;
}

Value build_net(Graph& graph, const nn::MapNet& net, const NetInputs& inputs) {
  return row_of(net_graphs(), net, "map").build(graph, net, inputs);
}

Value build_gradient(Graph& graph, const nn::PotentialNet& potential, const std::string& prefix, const Value& y) {
  return row_of(gradient_graphs(), potential, "potential").build(graph, potential, prefix, y);
}

Value with_noise(Graph& graph, const NetInputs& inputs) {
  if (!inputs.noise) return inputs.x;
  if (!inputs.noise_vector) return graph.concatenate({inputs.x, *inputs.noise}, 1);
  const auto column = graph.reshape(*inputs.noise, {0, -1, 1, 1});
  const auto shape = graph.concatenate({graph.integers({1, 1}), graph.shape(inputs.x, 2, 4)}, 0);
  return graph.concatenate({inputs.x, graph.node("Expand", {column, shape})}, 1);
}

}  // namespace monge::model::onnx

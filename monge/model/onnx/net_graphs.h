// The nets whose graphs can be written, and the graphs of the potentials whose gradients are maps.
//
// A graph is built from the options and the weights of a module. A new net adds a file with a function of its own and a
// row to net_graphs() or gradient_graphs(); a program outside the library calls `add` on the registry.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <typeindex>

#include "monge/core/registry.h"
#include "monge/model/onnx/graph.h"
#include "monge/nn/module.h"

namespace monge::nn {
class DdpmMap;
class GaussianPlanMap;
class GradientMap;
class IcnnPotential;
class MlpMap;
class MlpPotential;
class UNet;
}  // namespace monge::nn

namespace monge::model::onnx {

/// The inputs of a net, in the units of the net.
struct NetInputs {
  Value x;                       ///< [B, C, H, W] or [B, D]
  std::optional<Value> noise{};  ///< [B, Z] for vectors, and for images with noise_vector; else [B, Z, H, W]
  bool noise_vector = false;     ///< images: the noise of an image is the same at all its pixels
};

/// x with the noise after its channels, as MapNet::forward takes it.
Value with_noise(Graph& graph, const NetInputs& inputs);

/// A row for the nets of one class. Classes derived from it need a row of their own.
struct NetGraph {
  std::type_index type;
  std::function<Value(Graph& graph, const nn::MapNet& net, const NetInputs& inputs)> build;
};

/// A row for the potentials of one class.
struct GradientGraph {
  std::type_index type;
  /// @param prefix  of the keys of the potential's weights.  @return  the gradient at y, [B, D].
  std::function<Value(Graph& graph, const nn::PotentialNet& potential, const std::string& prefix, const Value& y)>
      build;
};

template <class Net>
NetGraph net_graph(Value (*build)(Graph&, const Net&, const NetInputs&)) {
  return {typeid(Net), [build](Graph& graph, const nn::MapNet& net, const NetInputs& inputs) {
            return build(graph, dynamic_cast<const Net&>(net), inputs);
          }};
}

template <class Net>
GradientGraph gradient_graph(Value (*build)(Graph&, const Net&, const std::string&, const Value&)) {
  return {typeid(Net), [build](Graph& graph, const nn::PotentialNet& net, const std::string& prefix, const Value& y) {
            return build(graph, dynamic_cast<const Net&>(net), prefix, y);
          }};
}

Registry<NetGraph>& net_graphs();
Registry<GradientGraph>& gradient_graphs();

/// The output of a net. The graph has its state.
/// @throws InputError that names the nets with a graph, for a net without one.
Value build_net(Graph& graph, const nn::MapNet& net, const NetInputs& inputs);

/// The gradient of a potential. @throws InputError as build_net.
Value build_gradient(Graph& graph, const nn::PotentialNet& potential, const std::string& prefix, const Value& y);

// The built-in nets, each in a file of its own.
Value build_unet(Graph& graph, const nn::UNet& net, const NetInputs& inputs);
Value build_ddpm(Graph& graph, const nn::DdpmMap& net, const NetInputs& inputs);
Value build_mlp(Graph& graph, const nn::MlpMap& net, const NetInputs& inputs);
Value build_gradient_map(Graph& graph, const nn::GradientMap& net, const NetInputs& inputs);
Value build_gaussian_plan(Graph& graph, const nn::GaussianPlanMap& net, const NetInputs& inputs);
Value build_mlp_gradient(Graph& graph, const nn::MlpPotential& net, const std::string& prefix, const Value& y);
Value build_icnn_gradient(Graph& graph, const nn::IcnnPotential& net, const std::string& prefix, const Value& y);

}  // namespace monge::model::onnx

// The graph of the U-Net of the public codes.
#include "monge/nn/unet.h"

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "monge/core/error.h"
#include "monge/model/onnx/layers.h"
#include "monge/model/onnx/net_graphs.h"

namespace monge::model::onnx {
namespace {

/// conv, norm, ReLU, twice, under the key NAME.double_conv.
class DoubleConvolutions {
 public:
  DoubleConvolutions(Graph& graph, const nn::UNet& net)
      : graph_(graph), modules_(net.named_modules("", /*include_self=*/false)) {}

  Value operator()(const std::string& name, Value x) const {
    for (const int first : {0, 3}) {
      const auto layer = [&](int number) { return text(name, ".double_conv.", number); };
      x = convolution(graph_, layer(first), x);
      x = graph_.node("Relu", {norm(layer(first + 1), x)});
    }
    return x;
  }

 private:
  Value norm(const std::string& key, const Value& x) const {
    const auto& module = modules_[key];
    if (const auto* group = module->as<torch::nn::GroupNormImpl>())
      return group_norm(graph_, key, x, group->options.num_groups(), group->options.eps());
    const auto* batch = module->as<torch::nn::BatchNorm2dImpl>();
    require(batch != nullptr, "onnx: ", key, " is neither a batch norm nor a group norm");
    const auto part = [&](const char* which) { return graph_.weight(text(key, '.', which)); };
    return graph_.node("BatchNormalization",
                       {x, part("weight"), part("bias"), part("running_mean"), part("running_var")},
                       {{"epsilon", batch->options.eps()}});
  }

  Graph& graph_;
  torch::OrderedDict<std::string, std::shared_ptr<torch::nn::Module>> modules_;
};

/// Max pooling that halves both sides. If one of them has a single pixel, both are rounded up, else down.
/// @param may_be_one  whether a side may have a single pixel.
Value pool(Graph& graph, Value x, bool may_be_one) {
  if (may_be_one) {
    const auto sides = graph.shape(x, 2, 4), two = graph.integers({2});
    const auto small = graph.node("Less", {graph.node("ReduceMin", {sides}, {{"keepdims", int64_t{1}}}), two});
    const auto more = graph.multiply(graph.cast(small, torch::kInt64), graph.node("Mod", {sides, two}));
    const auto pads = graph.concatenate({graph.integers({0, 0, 0, 0, 0, 0}), more}, 0);
    x = graph.node("Pad", {x, pads}, {{"mode", std::string("edge")}});
  }
  const std::vector<int64_t> square{2, 2};
  return graph.node("MaxPool", {x}, {{"kernel_shape", square}, {"strides", square}});
}

/// torch::pixel_unshuffle. SpaceToDepth has the pixel of a patch before the channel, and torch the channel first.
Value pixel_unshuffle(Graph& graph, const Value& x, int64_t channels, int64_t patch) {
  const int64_t area = patch * patch;
  std::vector<int64_t> order;
  for (int64_t channel = 0; channel < channels; ++channel) {
    for (int64_t pixel = 0; pixel < area; ++pixel) order.push_back(pixel * channels + channel);
  }
  const auto folded = graph.node("SpaceToDepth", {x}, {{"blocksize", patch}});
  return graph.node("Gather", {folded, graph.integers(order)}, {{"axis", int64_t{1}}});
}

}  // namespace

Value build_unet(Graph& graph, const nn::UNet& net, const NetInputs& inputs) {
  const auto& options = net.options();
  const DoubleConvolutions double_convolution(graph, net);
  const auto input = with_noise(graph, inputs);
  const bool patches = options.patch > 1;
  std::vector<Value> skips{
      double_convolution("inc", patches ? pixel_unshuffle(graph, input, options.in, options.patch) : input)};
  for (int64_t level = 1; level <= options.depth; ++level) {
    // Images have 8 patches a side or more, so the fourth pooling is the first that may meet a single pixel.
    const auto pooled = pool(graph, skips.back(), level >= 4);
    skips.push_back(double_convolution(text("down", level, ".maxpool_conv.1"), pooled));
  }
  auto y = skips.back();
  for (int64_t step = 1; step <= options.depth; ++step) {
    const auto& skip = skips[static_cast<size_t>(options.depth - step)];
    y = double_convolution(text("up", step, ".conv"), upsample_concat(graph, skip, y));
  }
  y = convolution(graph, "outc.conv", y);
  if (patches) y = graph.node("DepthToSpace", {y}, {{"blocksize", options.patch}, {"mode", std::string("CRD")}});
  if (options.residual) y = graph.add(graph.slice(input, 1, 0, options.out), y);
  return bound_output(graph, options.output, y);
}

}  // namespace monge::model::onnx

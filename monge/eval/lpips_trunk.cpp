#include "monge/eval/lpips_trunk.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/eval/convolution.h"

namespace monge::eval {
namespace {

enum class Kind { convolution, fire, pool };

/// A convolution with its ReLU, a fire module with its ReLUs, or a max pooling.
struct Layer {
  Kind kind;
  int64_t index = 0;        // in `features`
  int64_t in = 0, out = 0;  // channels; for a fire module, `out` counts those of one of its two expansions
  int64_t kernel = 0, stride = 1, padding = 0;
  int64_t squeezed = 0;
  bool ceil = false, tap = false;
};

Layer convolution(int64_t index, int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding, bool tap) {
  return {.kind = Kind::convolution,
          .index = index,
          .in = in,
          .out = out,
          .kernel = kernel,
          .stride = stride,
          .padding = padding,
          .tap = tap};
}

Layer fire(int64_t index, int64_t in, int64_t squeezed, int64_t out, bool tap) {
  return {.kind = Kind::fire, .index = index, .in = in, .out = out, .kernel = 1, .squeezed = squeezed, .tap = tap};
}

Layer pool(int64_t kernel, bool ceil = false) {
  return {.kind = Kind::pool, .kernel = kernel, .stride = 2, .ceil = ceil};
}

std::vector<Layer> alex_layers() {
  return {convolution(0, 3, 64, 11, 4, 2, true),   pool(3),
          convolution(3, 64, 192, 5, 1, 2, true),  pool(3),
          convolution(6, 192, 384, 3, 1, 1, true), convolution(8, 384, 256, 3, 1, 1, true),
          convolution(10, 256, 256, 3, 1, 1, true)};
}

std::vector<Layer> squeeze_layers() {
  return {convolution(0, 3, 64, 3, 2, 0, true),
          pool(3, true),
          fire(3, 64, 16, 64, false),
          fire(4, 128, 16, 64, true),
          pool(3, true),
          fire(6, 128, 32, 128, false),
          fire(7, 256, 32, 128, true),
          pool(3, true),
          fire(9, 256, 48, 192, true),
          fire(10, 384, 48, 192, true),
          fire(11, 384, 64, 256, true),
          fire(12, 512, 64, 256, true)};
}

std::vector<Layer> vgg_layers() {
  std::vector<Layer> out;
  int64_t index = 0, in = 3;
  for (const auto& [convolutions, channels] :
       {std::pair<int64_t, int64_t>{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}}) {
    if (index > 0) {
      out.push_back(pool(2));
      ++index;
    }
    for (int64_t i = 1; i <= convolutions; ++i, index += 2) {
      out.push_back(convolution(index, in, channels, 3, 1, 1, i == convolutions));
      in = channels;
    }
  }
  return out;
}

std::vector<Layer> layers_of(LpipsNet net) {
  switch (net) {
    case LpipsNet::alex:
      return alex_layers();
    case LpipsNet::squeeze:
      return squeeze_layers();
    case LpipsNet::vgg:
      return vgg_layers();
  }
  throw InputError("LPIPS: no such net");
}

/// The extent of a layer's output; 0 if the input is too small.
int64_t extent_after(const Layer& layer, int64_t extent) {
  const int64_t room = extent + 2 * layer.padding - layer.kernel + (layer.ceil ? layer.stride - 1 : 0);
  return room < 0 ? 0 : room / layer.stride + 1;
}

int64_t least_size_of(const std::vector<Layer>& layers) {
  for (int64_t size = 1;; ++size) {
    int64_t extent = size;
    for (const auto& layer : layers) extent = extent > 0 ? extent_after(layer, extent) : 0;
    if (extent > 0) return size;
  }
}

}  // namespace

LpipsNet lpips_net_named(const std::string& name) {
  for (const auto net : {LpipsNet::alex, LpipsNet::squeeze, LpipsNet::vgg}) {
    if (name == name_of(net)) return net;
  }
  throw InputError({.what = "unknown net for LPIPS",
                    .value = name,
                    .allowed = "alex, squeeze, vgg",
                    .fix = suggestion(name, {"alex", "squeeze", "vgg"})});
}

std::string name_of(LpipsNet net) {
  return net == LpipsNet::alex ? "alex" : net == LpipsNet::squeeze ? "squeeze" : "vgg";
}

std::vector<std::pair<std::string, std::vector<int64_t>>> LpipsTrunk::shapes(LpipsNet net) {
  std::vector<std::pair<std::string, std::vector<int64_t>>> out;
  const auto add = [&](const std::string& prefix, int64_t channels, int64_t in, int64_t kernel) {
    out.push_back({prefix + ".weight", {channels, in, kernel, kernel}});
    out.push_back({prefix + ".bias", {channels}});
  };
  for (const auto& layer : layers_of(net)) {
    const auto prefix = "features." + std::to_string(layer.index);
    if (layer.kind == Kind::convolution) add(prefix, layer.out, layer.in, layer.kernel);
    if (layer.kind == Kind::fire) {
      add(prefix + ".squeeze", layer.squeezed, layer.in, 1);
      add(prefix + ".expand1x1", layer.out, layer.squeezed, 1);
      add(prefix + ".expand3x3", layer.out, layer.squeezed, 3);
    }
  }
  return out;
}

std::vector<int64_t> LpipsTrunk::tap_channels(LpipsNet net) {
  std::vector<int64_t> out;
  for (const auto& layer : layers_of(net)) {
    if (layer.tap) out.push_back(layer.kind == Kind::fire ? 2 * layer.out : layer.out);
  }
  return out;
}

LpipsTrunk::LpipsTrunk(LpipsNet net, const io::TensorFile& state, const std::string& where, torch::Device device)
    : net_(net), least_size_(least_size_of(layers_of(net))) {
  for (const auto& [key, shape] : shapes(net)) {
    const auto& tensor = state.at(key, where);
    if (tensor.sizes() != at::IntArrayRef(shape) || !tensor.is_floating_point()) {
      throw InputError(
          {.what = "the tensor " + key + " does not fit the trunk \"" + name_of(net) + '"',
           .where = where,
           .value = text(tensor.scalar_type(), ' ', tensor.sizes()),
           .allowed = text("floats ", at::IntArrayRef(shape)),
           .fix = "use the state dict of torchvision's AlexNet, SqueezeNet 1.1 or VGG16 that belongs to this net"});
    }
    weights_.push_back(tensor.to(device, torch::kFloat32).contiguous());
  }
}

std::vector<torch::Tensor> LpipsTrunk::taps(const torch::Tensor& x) const {
  std::vector<torch::Tensor> out;
  size_t next = 0;
  const auto convolve = [&](const torch::Tensor& input, int64_t stride, int64_t padding) {
    const auto &weight = weights_[next], &bias = weights_[next + 1];
    next += 2;
    return exact_conv2d(input, weight, bias, {stride, stride}, {padding, padding}).relu_();
  };
  auto h = x;
  for (const auto& layer : layers_of(net_)) {
    switch (layer.kind) {
      case Kind::convolution:
        h = convolve(h, layer.stride, layer.padding);
        break;
      case Kind::fire: {
        const auto squeezed = convolve(h, 1, 0);
        const auto small = convolve(squeezed, 1, 0);
        h = torch::cat({small, convolve(squeezed, 1, 1)}, 1);
        break;
      }
      case Kind::pool:
        h = torch::max_pool2d(h, layer.kernel, layer.stride, 0, 1, layer.ceil);
        break;
    }
    if (layer.tap) out.push_back(h);
  }
  return out;
}

}  // namespace monge::eval

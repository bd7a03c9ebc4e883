#include "monge/nn/infer.h"

#include <map>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"

namespace monge::nn {
namespace {

constexpr int64_t most_poolings = 10;
constexpr int64_t public_sigma_channels = 16;
constexpr int64_t most_colours = 4;

/// Shapes by key; its errors name the file.
class Shapes {
 public:
  Shapes(const NamedTensors& state, std::string where) : where_(std::move(where)) {
    for (const auto& [key, tensor] : state) tensors_[key] = tensor;
  }

  bool has(const std::string& key) const { return tensors_.count(key) > 0; }

  /// The tensor's shape, which must have `dim` extents. Its values must be stored, not one value repeated by zero
  /// strides, so that the net built from the shapes takes about as much memory as the file.
  std::vector<int64_t> at(const std::string& key, int64_t dim) const {
    const auto found = tensors_.find(key);
    require(found != tensors_.end(), where_, ": the state lacks ", key);
    const auto& tensor = found->second;
    require(tensor.defined() && tensor.dim() == dim && tensor.numel() > 0 && tensor.is_non_overlapping_and_dense(),
            where_, ": ", key, " must be a dense tensor of ", dim, " dimensions");
    return tensor.sizes().vec();
  }

  void expect(const std::string& key, const std::vector<int64_t>& shape) const {
    const auto got = at(key, static_cast<int64_t>(shape.size()));
    require(got == shape, where_, ": ", key, " has shape ", torch::IntArrayRef(got), "; the other shapes require ",
            torch::IntArrayRef(shape));
  }

  std::string some_keys() const {
    std::vector<std::string> out;
    for (const auto& [key, tensor] : tensors_) {
      if (out.size() == 4) {
        out.push_back("...");
        break;
      }
      out.push_back(shown(key));
    }
    return out.empty() ? "no tensors" : join(out);
  }

  const std::string& where() const { return where_; }

 private:
  std::string where_;
  std::map<std::string, torch::Tensor> tensors_;
};

UNetOptions infer_unet(const Shapes& shapes) {
  UNetOptions out;
  const auto first = shapes.at("inc.double_conv.0.weight", 4);
  out.base = first[0];
  out.in = first[1];
  out.out = shapes.at("outc.conv.weight", 4)[0];
  out.norm = shapes.has("inc.double_conv.1.running_mean") ? "batch" : "group";
  out.depth = 0;
  while (out.depth < 4 && shapes.has(text("down", out.depth + 1, ".maxpool_conv.1.double_conv.0.weight"))) ++out.depth;
  require(out.depth > 0, shapes.where(), ": the U-net has no level down1");
  require(out.base <= 1024, shapes.where(), ": the U-net has ", out.base, " base channels (allowed: 1..1024)");
  const int64_t deepest = out.base << (out.depth - 1);
  shapes.expect(text("down", out.depth, ".maxpool_conv.1.double_conv.3.weight"), {deepest, deepest, 3, 3});
  return out;
}

ResNetPotentialOptions infer_resnet(const Shapes& shapes) {
  ResNetPotentialOptions out;
  const auto first = shapes.at("conv_img.weight", 4);
  out.nfilter = first[0];
  out.nc = first[1];
  if (out.nc > most_colours) {
    out.noise.channels = public_sigma_channels;
    out.nc -= public_sigma_channels;
  }
  require(out.nc >= 1 && out.nc <= most_colours, shapes.where(),
          ": cannot distinguish colours from noise channels: conv_img.weight has ", first[1],
          " input channels (known: 1..", most_colours, " colours, with or without ", public_sigma_channels,
          " channels of sigma)");

  int64_t poolings = 0;
  while (poolings < most_poolings && shapes.has(text("resnet.", 3 * (poolings + 1), ".conv_0.weight"))) ++poolings;
  require(poolings > 0, shapes.where(), ": the potential has no block resnet.3");
  const std::string last = text("resnet.", 3 * poolings + 1, ".conv_1.");
  const int64_t width = shapes.at(last + "bias", 1)[0];
  require(width <= 8192 && width >= out.nfilter, shapes.where(), ": ", last, "bias has ", width,
          " channels (allowed: nfilter..8192)");
  out.nfilter_max = width;
  const int64_t before = std::min(out.nfilter << poolings, width);
  shapes.expect(last + "weight", {width, before, 3, 3});

  const int64_t entries = shapes.at("fc.weight", 2)[1];
  int64_t last_size = 0;
  for (int64_t side = 4; side <= 8; ++side) {
    if (entries == width * side * side) last_size = side;
  }
  require(last_size > 0, shapes.where(), ": fc.weight has ", entries,
          " inputs, which is not a square of 4..8 pixels with ", width, " channels");
  // Poolings round odd sizes up, so several sizes lead to the same last level of 5..8 pixels. The net runs on all.
  out.size = std::min(last_size << poolings, (int64_t{8} << poolings) - 1);
  return out;
}

template <class Net, class Options, class Interface>
std::shared_ptr<Interface> load(const NamedTensors& given, const std::string& where, const char* wanted) {
  const auto state = without_wrapper(given);
  const auto architecture = infer_architecture(state, where);
  require(std::holds_alternative<Options>(architecture), where, ": this is the state of ",
          std::holds_alternative<UNetOptions>(architecture) ? "a map (U-net)" : "a potential (ResNet)", ", and ",
          wanted, " is needed here");
  auto net = std::make_shared<Net>(std::get<Options>(architecture));
  load_state_dict(*net, with_counters(state, *net), where);
  net->eval();
  return net;
}

}  // namespace

NamedTensors without_wrapper(NamedTensors state) {
  for (const std::string prefix : {"module.", "_orig_mod."}) {
    bool everywhere = !state.empty();
    for (const auto& [key, tensor] : state) everywhere = everywhere && key.rfind(prefix, 0) == 0;
    if (!everywhere) continue;
    for (auto& [key, tensor] : state) key.erase(0, prefix.size());
  }
  return state;
}

NamedTensors with_counters(NamedTensors state, const torch::nn::Module& net) {
  std::map<std::string, torch::Tensor*> given;
  for (auto& [key, tensor] : state) given[key] = &tensor;
  NamedTensors missing;
  bool some = false;
  for (const auto& [key, tensor] : state_dict(net)) {
    if (!key.ends_with(".num_batches_tracked")) continue;
    const auto found = given.find(key);
    if (found == given.end()) {
      missing.emplace_back(key, torch::zeros_like(tensor));
      continue;
    }
    some = true;
    if (found->second->is_floating_point()) *found->second = found->second->to(torch::kInt64);
  }
  if (!some) state.insert(state.end(), missing.begin(), missing.end());  // a file with some of them has lost the others
  return state;
}

Architecture infer_architecture(const NamedTensors& state, const std::string& where) {
  const Shapes shapes(without_wrapper(state), where);
  if (shapes.has("inc.double_conv.0.weight") && shapes.has("outc.conv.weight")) return infer_unet(shapes);
  if (shapes.has("conv_img.weight") && shapes.has("fc.weight")) return infer_resnet(shapes);
  throw InputError({.what = "no known network has these keys",
                    .where = where,
                    .value = shapes.some_keys(),
                    .allowed = "a U-net (inc.double_conv.0.weight ... outc.conv.bias) or a ResNet potential "
                               "(conv_img.weight ... fc.bias) of the public codes",
                    .fix = "for other nets, give a run directory or an exported file"});
}

std::shared_ptr<MapNet> map_from_state(const NamedTensors& state, const std::string& where) {
  return load<UNet, UNetOptions, MapNet>(state, where, "a map");
}

std::shared_ptr<PotentialNet> potential_from_state(const NamedTensors& state, const std::string& where) {
  return load<ResNetPotential, ResNetPotentialOptions, PotentialNet>(state, where, "a potential");
}

}  // namespace monge::nn

#include "monge/nn/resnet_potential.h"

#include <torch/nn/init.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/nn/image_layers.h"
#include "monge/nn/ops/avg_pool.h"
#include "monge/nn/ops/leaky_residual.h"

namespace monge::nn {
namespace {

constexpr double slope = 0.2;
constexpr int64_t least_last_size = 4;

/// Messages name the recipe's keys, because users know the options by them.
void check(const ResNetPotentialOptions& options) {
  const auto in_range = [](const char* key, int64_t value, int64_t least, int64_t most) {
    require(value >= least && value <= most, "ResNetPotential: ", key, " = ", value, " (allowed: ", least, "..", most,
            ")");
  };
  for (const int64_t side : {options.size.width, options.size.height})
    in_range("source.size", side, 2 * least_last_size, 4096);
  in_range("nc", options.nc, 1, 4096);
  in_range("potential.width", options.nfilter, 1, 4096);
  in_range("potential.width_max", options.nfilter_max, options.nfilter, 8192);
  in_range("potential.patch", options.patch, 1, 8);
  for (const int64_t side : {options.size.width, options.size.height}) {
    require(side % options.patch == 0 && side / options.patch >= 2 * least_last_size,
            "ResNetPotential: potential.patch = ", options.patch, " does not fit source.size = ", text_of(options.size),
            " (the size must be a multiple of the patch and at least ", 2 * least_last_size, " times as large)");
  }
  require(options.init == "kaiming" || options.init == "default", "ResNetPotential: init = \"", options.init,
          "\" (allowed: kaiming, default)");
}

void kaiming_fan_out(torch::nn::Module& module) {
  for (const auto& child : module.modules(/*include_self=*/false)) {
    if (auto* conv = child->as<torch::nn::Conv2d>()) {
      torch::nn::init::kaiming_normal_(conv->weight, /*a=*/0, torch::kFanOut, torch::kReLU);
    }
  }
}

}  // namespace

class ResNetPotential::Block : public torch::nn::Module {
 public:
  Block(int64_t in, int64_t out, const ResNetPotentialOptions& options)
      : ratio_(options.res_ratio),
        fused_(options.fused),
        gpu_kernels_(options.gpu_kernels),
        conv_0_(register_module("conv_0", make_convolution(in, std::min(in, out), 3))),
        conv_1_(register_module("conv_1", make_convolution(std::min(in, out), out, 3))) {
    if (in != out) {
      conv_s_ = register_module("conv_s", torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 1).bias(false)));
    }
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const bool fused = x.is_cuda() ? gpu_kernels_ : fused_;
    auto hidden = convolve(conv_0_, x, fused);
    const auto dx = convolve(conv_1_, torch::leaky_relu_(hidden, slope), fused);
    const auto shortcut = conv_s_ ? conv_s_->forward(x) : x;
    return fused ? ops::leaky_residual(shortcut, dx, ratio_, slope)
                 : ops::reference_leaky_residual(shortcut, dx, ratio_, slope);
  }

 private:
  double ratio_;
  bool fused_, gpu_kernels_;
  torch::nn::Conv2d conv_0_, conv_1_, conv_s_{nullptr};
};

ResNetPotential::ResNetPotential(const ResNetPotentialOptions& options) : options_(options) {
  check(options);
  const ImageSize size(options.size.width / options.patch, options.size.height / options.patch);
  const int64_t poolings = halvings(size);
  const auto width = [&](int64_t level) {
    int64_t out = options.nfilter;
    for (int64_t i = 0; i < level && out < options.nfilter_max; ++i) out *= 2;
    return std::min(out, options.nfilter_max);
  };

  if (conditional()) embedding_ = register_module("embedding", std::make_shared<NoiseEmbedding>(options.noise));
  conv_img_ = register_module(
      "conv_img", make_convolution(options.nc * options.patch * options.patch + options.noise.channels, width(0), 3));
  const auto chain = register_module("resnet", std::make_shared<torch::nn::Module>());
  for (int64_t level = 0; level <= poolings; ++level) {
    for (int64_t i : {0, 1}) {
      blocks_.push_back(std::make_shared<Block>(width(level), width(level + i), options));
      chain->register_module(std::to_string(3 * level + i), blocks_.back());
    }
  }
  last_size_ = size_after(size, poolings);
  // The public code takes width(poolings) here, which is wrong unless the widths have reached nfilter_max.
  fc_ = register_module("fc", torch::nn::Linear(width(poolings + 1) * last_size_.height * last_size_.width, 1));
  if (options.init == "kaiming") kaiming_fan_out(*this);
}

torch::Tensor ResNetPotential::forward(const torch::Tensor& y, const torch::Tensor& sigma) {
  const int64_t poolings = static_cast<int64_t>(blocks_.size()) / 2 - 1;
  const auto last_of = [&] { return size_after({y.size(3) / options_.patch, y.size(2) / options_.patch}, poolings); };
  require(y.dim() == 4 && y.size(1) == options_.nc && y.size(2) % options_.patch == 0 &&
              y.size(3) % options_.patch == 0 && last_of() == last_size_,
          "ResNetPotential: the images must be [B, ", options_.nc, ", ", options_.size.height, ", ",
          options_.size.width, "]; got ", y.sizes());
  check_sigma(y, sigma, conditional(), "ResNetPotential");

  const auto patches = options_.patch == 1 ? y : torch::pixel_unshuffle(y, options_.patch);
  const bool fused = y.is_cuda() ? options_.gpu_kernels : options_.fused;
  auto h = convolve(conv_img_, conditional() ? embedding_->attach(patches, sigma) : patches, fused);
  h = torch::leaky_relu_(h, slope);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (i > 0 && i % 2 == 0) h = fused ? ops::avg_pool(h) : ops::reference_avg_pool(h);
    h = blocks_[i]->forward(h);
  }
  return fc_->forward(h.flatten(1)).squeeze(1);
}

}  // namespace monge::nn

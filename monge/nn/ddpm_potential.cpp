#include "monge/nn/ddpm_potential.h"

#include <torch/types.h>

#include <algorithm>
#include <string>

#include "monge/core/error.h"
#include "monge/nn/image_layers.h"

namespace monge::nn {
namespace {

/// Messages name the recipe's keys, because users know the options by them.
void check(const DdpmPotentialOptions& options) {
  const auto in_range = [](const char* key, int64_t value, int64_t least, int64_t most) {
    require(value >= least && value <= most, "DdpmPotential: ", key, " = ", value, " (allowed: ", least, "..", most,
            ")");
  };
  for (const int64_t side : {options.size.width, options.size.height}) in_range("source.size", side, 8, 4096);
  in_range("channels", options.channels, 1, 4096);
  in_range("potential.width", options.width, 1, 4096);
  in_range("potential.width_max", options.width_max, options.width, 8192);
}

}  // namespace

class DdpmPotential::Block : public torch::nn::Module {
 public:
  /// @param embedding  width of the embedding of the noise level; 0: none.
  Block(int64_t in, int64_t out, int64_t embedding, bool fused)
      : fused_(fused),
        conv_0_(register_module("conv_0", make_convolution(in, out, 3))),
        conv_1_(register_module("conv_1", make_convolution(out, out, 3))) {
    if (in != out) skip_ = register_module("skip", make_convolution(in, out, 1));
    if (embedding > 0) level_ = register_module("level", torch::nn::Linear(embedding, out));
  }

  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& embedding_BE) {
    auto h = convolve(conv_0_, torch::silu(x), fused_);
    if (level_) h = h + level_->forward(embedding_BE).unsqueeze(2).unsqueeze(3);
    h = convolve(conv_1_, torch::silu(h), fused_);
    return mean_branch(h, skip_ ? skip_->forward(x) : x);
  }

 private:
  bool fused_;
  torch::nn::Conv2d conv_0_, conv_1_, skip_{nullptr};
  torch::nn::Linear level_{nullptr};
};

DdpmPotential::DdpmPotential(const DdpmPotentialOptions& options) : options_(options) {
  check(options);
  const auto width = [&](int64_t level) {
    return level > 20 ? options.width_max : std::min(options.width << level, options.width_max);
  };
  if (conditional()) embedding_ = register_module("embedding", std::make_shared<NoiseEmbedding>(options.noise));
  first_ = register_module("first", make_convolution(options.channels, width(0), 3));
  const int64_t poolings = halvings(options.size);
  for (int64_t level = 0; level <= poolings; ++level) {
    for (const int64_t i : {0, 1}) {
      const int64_t in = width(i == 0 ? std::max<int64_t>(level - 1, 0) : level);
      blocks_.push_back(
          register_module(text("down_", level, "_", i),
                          std::make_shared<Block>(in, width(level), options.noise.channels, options.fused)));
    }
  }
  const auto least = size_after(options.size, poolings);
  last_ = register_module("last", torch::nn::Linear(width(poolings) * least.height * least.width, 1));
}

torch::Tensor DdpmPotential::forward(const torch::Tensor& y, const torch::Tensor& sigma) {
  require(y.dim() == 4 && y.size(1) == options_.channels && y.size(2) == options_.size.height &&
              y.size(3) == options_.size.width,
          "DdpmPotential: the images must be [B, ", options_.channels, ", ", options_.size.height, ", ",
          options_.size.width, "]; got ", y.sizes());
  check_sigma(y, sigma, conditional(), "DdpmPotential");
  torch::Tensor embedding_BE, scaled = y;
  if (embedding_) {
    const auto attached = embedding_->attach(y, sigma);
    scaled = attached.narrow(1, 0, options_.channels);
    embedding_BE = attached.narrow(1, options_.channels, options_.noise.channels).select(3, 0).select(2, 0);
  }
  auto h = convolve(first_, scaled, options_.fused);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (i > 0 && i % 2 == 0) h = halve(h);
    h = blocks_[i]->forward(h, embedding_BE);
  }
  return last_->forward(torch::silu(h).flatten(1)).squeeze(1);
}

}  // namespace monge::nn

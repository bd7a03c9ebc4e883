// The way down of the residual U-Net of denoising diffusion as a potential of images.
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <memory>
#include <vector>

#include "monge/core/image_size.h"
#include "monge/nn/module.h"
#include "monge/nn/noise_embedding.h"

namespace monge::nn {

struct DdpmPotentialOptions {
  ImageSize size = 64;      ///< of the images; each side 8..4096.
  int64_t channels = 3;     ///< of the images; 1..4096.
  int64_t width = 32;       ///< channels of the first level; 1..4096.
  int64_t width_max = 512;  ///< level i has min(width * 2^i, width_max) channels; width..8192.
  bool fused = true;        ///< use our own passes on a CPU, see nn/ops; false: LibTorch's operators.
  /// The potential is conditional if noise.channels > 0: each block then adds a linear function of the embedding.
  NoiseEmbeddingOptions noise{};
};

/// A potential with the blocks of DdpmMap, but without norms, which would hide from it how much contrast an image has:
///
///     h = conv_0(silu(x)) (+ linear(embedding)),  h = conv_1(silu(h)),  y = (skip(x) + h) / sqrt(2)
///
/// Two blocks per level; between the levels the image is halved by the mean of 2 x 2 pixels until the shorter side has
/// 4..8 pixels; then SiLU and one linear layer of all values. It is smooth, unlike ResNetPotential, so its gradient is
/// continuous. Ho et al. 2020; Xiao et al. 2022 (denoising diffusion GAN) for the use without norms.
class DdpmPotential : public PotentialNet {
 public:
  /// @throws InputError for an option out of its range.
  explicit DdpmPotential(const DdpmPotentialOptions& options);

  /// @param y  [B, channels, height, width].
  torch::Tensor forward(const torch::Tensor& y, const torch::Tensor& sigma = {}) override;
  bool conditional() const override { return options_.noise.channels > 0; }

  const DdpmPotentialOptions& options() const { return options_; }

 private:
  class Block;

  DdpmPotentialOptions options_;
  std::shared_ptr<NoiseEmbedding> embedding_;  ///< null unless conditional
  torch::nn::Conv2d first_{nullptr};
  std::vector<std::shared_ptr<Block>> blocks_;  ///< two of each level
  torch::nn::Linear last_{nullptr};
};

}  // namespace monge::nn

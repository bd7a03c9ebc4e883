// The residual potential of images of the public neural optimal transport codes, with the same keys and values.
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <memory>
#include <string>
#include <vector>

#include "monge/core/image_size.h"
#include "monge/nn/module.h"
#include "monge/nn/noise_embedding.h"

namespace monge::nn {

struct ResNetPotentialOptions {
  ImageSize size = 64;        ///< of the images; each side 8..4096, any number.
  int64_t nc = 3;             ///< colour channels; 1..4096.
  int64_t nfilter = 64;       ///< channels of the first block; 1..4096.
  int64_t nfilter_max = 512;  ///< most channels of a block; nfilter..8192.
  /// 1..8: the net takes patch x patch pixels as channels; sides must be multiples of it, side / patch at least 8.
  int64_t patch = 1;
  double res_ratio = 0.1;            ///< weight of a block's convolutions relative to its shortcut.
  bool fused = true;                 ///< use our own passes on a CPU, see nn/ops; false: LibTorch's operators.
  bool gpu_kernels = false;          ///< use our own kernels on a GPU.
  std::string init = "kaiming";      ///< convolution weights: "kaiming": N(0, 2 / fan_out); "default": LibTorch's.
  NoiseEmbeddingOptions noise = {};  ///< channels = 16 for the conditional potential of the public code.
};

/// The layers: conv3x3; then two residual blocks per level, with an average pooling (3x3, stride 2) between the levels;
/// then one linear layer. The number of poolings halves the shorter side, rounded down, to below 8 pixels; a pooling
/// rounds odd sizes up, so that the shorter side of the last level has 4..8 pixels. The widths are nfilter * 2^i up to
/// nfilter_max. There is no normalisation.
///
///     block(x) = lrelu(s(x) + res_ratio * conv_1(lrelu(conv_0(x)))),   lrelu slope 0.2, s a 1x1 convolution or nothing
///
/// The net is that of Mescheder et al. 2018 (GAN stability), as Korotin et al. 2023 use it for potentials. It has
/// 22,933,441 parameters at size 64 and 32,372,673 at 128. Keys: conv_img.*,
/// resnet.{0,1,3,4,6,7,...}.{conv_0,conv_1,conv_s}.*, fc.* (the poolings have the indices 2, 5, 8, ...), and
/// embedding.frequencies for the Fourier embedding.
class ResNetPotential : public PotentialNet {
 public:
  /// @throws InputError for an option out of its range.
  explicit ResNetPotential(const ResNetPotentialOptions& options);

  /// @param y  [B, nc, height, width], or another size that leads to the same last level.
  torch::Tensor forward(const torch::Tensor& y, const torch::Tensor& sigma = {}) override;
  bool conditional() const override { return options_.noise.channels > 0; }

  const ResNetPotentialOptions& options() const { return options_; }

 private:
  class Block;

  ResNetPotentialOptions options_;
  ImageSize last_size_;
  std::shared_ptr<NoiseEmbedding> embedding_;
  torch::nn::Conv2d conv_img_{nullptr};
  std::vector<std::shared_ptr<Block>> blocks_;
  torch::nn::Linear fc_{nullptr};
};

}  // namespace monge::nn

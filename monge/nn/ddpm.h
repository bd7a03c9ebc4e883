// The residual U-Net of denoising diffusion as a map of images.
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <memory>
#include <string>
#include <vector>

#include "monge/nn/image_sizes.h"
#include "monge/nn/module.h"

namespace monge::nn {

struct DdpmMapOptions {
  int64_t in = 3;               ///< channels of the images; 1..4096.
  int64_t out = 3;              ///< output channels; 1..4096.
  int64_t noise = 0;            ///< channels of noise after those of the images.
  bool noise_vector = false;    ///< the noise of a sample is the same at all pixels; it then enters as a vector.
  int64_t width = 32;           ///< channels of the first level; 1..1024.
  int64_t width_max = 0;        ///< level i has min(width * 2^i, width_max) channels; 0: 4 * width.
  int64_t depth = 3;            ///< number of halvings, 1..6.
  int64_t blocks = 1;           ///< residual blocks of a level, each way; 1..8.
  bool attention = true;        ///< self-attention between the pixels of the coarsest level.
  bool residual = false;        ///< output = first `out` input channels + net; needs in >= out.
  std::string output = "none";  ///< how the output is bounded, see output_bound.h.
  bool zero_last = false;       ///< starts the last layer at zero: with `residual` the map starts as the identity.
  bool fused = true;            ///< use our own passes on a CPU, see nn/ops; false: LibTorch's operators.
  bool gpu_kernels = false;     ///< use our own kernels on a GPU.
};

/// The sizes of images that the net takes, as of UNet. ImageSizes::reach does not count the attention.
ImageSizes image_sizes(const DdpmMapOptions& options);

/// The number of groups of a norm before a convolution: groups of 8 channels or a few more, at most 32.
int64_t ddpm_norm_groups(int64_t channels);

/// A U-Net of residual blocks. Each level halves the image by the mean of 2 x 2 pixels and doubles it by bilinear
/// interpolation before a convolution, so that neither makes a checkerboard. A block computes
///
///     h = conv(silu(norm(x))),  h = conv(silu(norm(h) (1 + scale) + shift)),  y = (skip(x) + h) / sqrt(2)
///
/// with group norms. scale and shift are linear in the style, which a small net makes from the noise of the sample, so
/// that noise decides about content and cannot add grain. Without a noise vector they are absent, and noise is
/// concatenated to the image. Ho et al. 2020 (DDPM); Song et al. 2021 (DDPM++); Karras et al. 2019 (style).
class DdpmMap : public MapNet {
 public:
  /// @throws InputError for an option out of its range.
  explicit DdpmMap(const DdpmMapOptions& options);

  /// @param input  [B, in + noise, H, W]; any H and W.
  /// @return       [B, out, H, W].
  torch::Tensor forward(const torch::Tensor& input) override;

  void use_statistics(std::shared_ptr<PooledStatistics> statistics) override;

  const DdpmMapOptions& options() const { return options_; }

 private:
  class Norm;
  class Block;
  class Attention;
  class Style;

  torch::Tensor run_blocks(const std::vector<std::shared_ptr<Block>>& blocks, torch::Tensor x,
                           const torch::Tensor& style_BS) const;

  DdpmMapOptions options_;
  std::shared_ptr<Style> style_;  ///< null without a noise vector
  torch::nn::Conv2d first_{nullptr}, last_{nullptr};
  std::shared_ptr<Norm> norm_;                                  ///< before the last convolution
  std::vector<std::vector<std::shared_ptr<Block>>> down_, up_;  ///< by level
  std::shared_ptr<Attention> attention_;                        ///< null without attention
};

}  // namespace monge::nn

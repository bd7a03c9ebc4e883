// The U-Net map of images of the public neural optimal transport codes, with the same keys and values.
#pragma once

#include <torch/nn/modules/conv.h>

#include <memory>
#include <string>
#include <vector>

#include "monge/nn/image_sizes.h"
#include "monge/nn/module.h"

namespace monge::nn {

struct UNetOptions {
  int64_t in = 3;              ///< input channels: colours + noise; 1..4096.
  int64_t out = 3;             ///< output channels; 1..4096.
  int64_t base = 48;           ///< channels of the first level; 1..1024. Memory and time grow with its square.
  int64_t depth = 4;           ///< number of poolings, 1..4. Fewer omit the deepest levels.
  std::string norm = "batch";  ///< "batch", or "group": GroupNorm with the largest divisor of the width up to 8 groups.
  std::string output = "none";  ///< how the output is bounded, see output_bound.h.
  bool residual = false;        ///< output = first `out` input channels + net; needs in >= out.
  /// 1..8: the net takes patch x patch pixels as channels; 2 is about four times as fast as 1. Height and width must be
  /// multiples of it.
  int64_t patch = 1;
  bool fused = true;         ///< use our own passes on a CPU, see nn/ops; false: LibTorch's operators.
  bool gpu_kernels = false;  ///< use our own kernels on a GPU.
  bool zero_last = false;    ///< starts the last layer at zero: with `residual` the map starts as the identity.
};

/// The sizes of images that the net takes. The multiple lets every pooling halve an even number of pixels, so that
/// parts of an image that begin at multiples are pooled alike. The net itself takes other sizes as well.
ImageSizes image_sizes(const UNetOptions& options);

/// Level i has base * 2^min(i, depth-1) channels. On the way down a 2x2 max pooling leads to each level; on the way up
/// the lower level is enlarged twice (bilinear, align_corners), zero-padded to the size of the skip and concatenated
/// after it. Each level has the layers conv3x3, norm, ReLU, conv3x3, norm, ReLU. A 1x1 convolution gives the output.
/// The net is that of Ronneberger et al. 2015 as Korotin et al. 2023 use it for maps. It has 9,715,827 parameters for 3
/// to 3 channels and base 48.
///
/// Keys: inc.double_conv.{0,1,3,4}.*, down{1..depth}.maxpool_conv.1.double_conv.*, up{1..depth}.conv.double_conv.*,
/// outc.conv.*. Height and width may have any size from 8 up; a level has at least one pixel.
class UNet : public MapNet {
 public:
  /// @throws InputError for an option out of its range.
  explicit UNet(const UNetOptions& options);

  /// @param input  [B, in, H, W], H and W >= 8 * patch and multiples of patch.
  /// @return       [B, out, H, W].
  torch::Tensor forward(const torch::Tensor& input) override;

  void synchronise_batch_norm(std::shared_ptr<const RankSums> sums) override;
  void use_statistics(std::shared_ptr<PooledStatistics> statistics) override;

  const UNetOptions& options() const { return options_; }

 private:
  class DoubleConv;

  UNetOptions options_;
  std::shared_ptr<DoubleConv> inc_;
  std::vector<std::shared_ptr<DoubleConv>> down_, up_;
  torch::nn::Conv2d outc_{nullptr};
};

}  // namespace monge::nn

// The U-shaped map of images of the public neural optimal transport codes, with the same keys and numbers.
#pragma once

#include <torch/nn/modules/conv.h>

#include <memory>
#include <string>
#include <vector>

#include "monge/nn/module.h"

namespace monge::nn {

struct UNetOptions {
  int64_t in = 3;              ///< input channels: colours + noise; 1..4096.
  int64_t out = 3;             ///< output channels; 1..4096.
  int64_t base = 48;           ///< channels of the first level; 1..1024. Memory and time grow with its square.
  int64_t depth = 4;           ///< number of poolings, 1..4. Fewer leave out the deepest levels.
  std::string norm = "batch";  ///< "batch", or "group": GroupNorm with the largest divisor of the width up to 8 groups.
  std::string output = "none";  ///< "none", or "tanh": bounds the output to (-1, 1).
  bool residual = false;        ///< output = first `out` input channels + net; needs in >= out.
  int64_t patch = 1;            ///< 1..8: works on patch x patch pixels at once, as channels; 2 is about four times as
                                ///< fast. Height and width must be multiples of it.
  bool fused = true;            ///< on a CPU by passes of our own, see nn/ops; false: by LibTorch's operators.
  bool gpu_kernels = false;     ///< the same on a GPU.
  bool zero_last = false;       ///< starts the last layer at zero: with `residual` the map starts as the identity.
};

/// Level i has base * 2^min(i, depth-1) channels. Each is conv3x3, norm, ReLU, conv3x3, norm, ReLU after a 2x2 max
/// pooling; the way up is bilinear x2 (align_corners), zero-padded to the skip's size, concatenated after the skip. A
/// 1x1 convolution ends it. Ronneberger et al. 2015, in the form that Korotin et al. 2023 use for maps; 9,715,827
/// parameters at 3 to 3 channels and base 48.
///
/// Keys: inc.double_conv.{0,1,3,4}.*, down{1..depth}.maxpool_conv.1.double_conv.*, up{1..depth}.conv.double_conv.*,
/// outc.conv.*. Images of any height and width from 8 up are accepted: a level that would fall under one pixel keeps
/// one.
class UNet : public MapNet {
 public:
  /// @throws InputError for an option out of its range.
  explicit UNet(const UNetOptions& options);

  /// @param input  [B, in, H, W], H and W >= 8 * patch and multiples of patch.
  /// @return       [B, out, H, W].
  torch::Tensor forward(const torch::Tensor& input) override;

  void synchronise_batch_norm(std::shared_ptr<const RankSums> sums) override;

  const UNetOptions& options() const { return options_; }

 private:
  class DoubleConv;

  UNetOptions options_;
  std::shared_ptr<DoubleConv> inc_;
  std::vector<std::shared_ptr<DoubleConv>> down_, up_;
  torch::nn::Conv2d outc_{nullptr};
};

}  // namespace monge::nn

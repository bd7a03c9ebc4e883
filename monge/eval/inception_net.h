// The Inception-v3 of the Frechet inception distance, as a module whose state is that of the public weight file.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "monge/nn/module.h"

namespace monge::eval {

/// The net of TensorFlow's 2015-12-05 graph in the form of pytorch-fid. It differs from Szegedy et al. 2015 and
/// torchvision's net: the average poolings inside the mixed blocks do not count the padding, and Mixed_7c takes
/// the maximum.
///
///     stem     1a 3x3/2, 2a 3x3, 2b 3x3, max pool 3/2       64 x 73 x 73   (for 299 x 299)
///              3b 1x1, 4a 3x3, max pool 3/2                192 x 35 x 35
///     mixed    5b 5c 5d (35 x 35), 6a..6e (17 x 17)        768 x 17 x 17
///              7a 7b 7c (8 x 8), mean over the map        2048             ("pool3")
///
/// A convolution is followed by a batch normalisation (eps 0.001, running statistics always) and a ReLU. State: 566
/// entries, Conv2d_1a_3x3.conv.weight to fc.bias; fc (1008 classes) is kept and not used.
class InceptionNet : public torch::nn::Module {
 public:
  /// Does not initialise the weights; load them.
  InceptionNet();

  /// Loads a state dict. The entries num_batches_tracked, fc.weight and fc.bias may be missing; nothing reads them.
  /// @throws InputError as nn::load_state_dict.
  void load(const nn::NamedTensors& state, const std::string& where);

  /// Multiplies the normalisations into the convolutions; a forward pass then skips them. Outputs change by rounding
  /// alone (5e-7 relative). The state keeps its keys and its meaning: means 0, variances 1 - eps, weights 1.
  void fold();

  /// @param x  float32 [N, 3, H, W] in [-1, 1]; H and W at least 75, usually 299.
  /// @return   [N, 2048].
  torch::Tensor forward(const torch::Tensor& x) const { return blocks(x).back().flatten(1); }

  /// The maps after the first max pool, the second, before Mixed_7a, and [N, 2048, 1, 1].
  std::vector<torch::Tensor> blocks(const torch::Tensor& x) const;

 private:
  struct Unit;
  struct Mixed;

  std::vector<std::shared_ptr<Unit>> stem_;
  std::vector<std::shared_ptr<Mixed>> mixed_;
};

}  // namespace monge::eval

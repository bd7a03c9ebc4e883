// The convolutional trunks of LPIPS: AlexNet, SqueezeNet 1.1 and VGG16 up to their last tapped layer.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "monge/io/tensor_file.h"

namespace monge::eval {

enum class LpipsNet { alex, squeeze, vgg };

/// "alex", "squeeze" or "vgg". @throws InputError listing these for another name.
LpipsNet lpips_net_named(const std::string& name);
std::string name_of(LpipsNet net);

/// A trunk of torchvision with its weights. The taps, by their index in torchvision's `features`:
///
///     alex     ReLU outputs 1, 4, 7, 9, 11                 channels 64, 192, 384, 256, 256
///     vgg      ReLU outputs 3, 8, 15, 22, 29               channels 64, 128, 256, 512, 512
///     squeeze  1, then the fire modules 4, 7, 9, 10, 11, 12   channels 64, 128, 256, 384, 384, 512, 512
class LpipsTrunk {
 public:
  /// Reads the keys features.N.* of a state dict and ignores others (the classifier of a whole net).
  /// @param where  the file, for messages.
  /// @throws InputError naming the first tensor that is missing or has another shape or type.
  LpipsTrunk(LpipsNet net, const io::TensorFile& state, const std::string& where, torch::Device device = torch::kCPU);

  /// @param x  float32 [N, 3, H, W], scaled, H and W >= least_size(), on the device of the weights.
  /// @return   the tapped maps [N, C_l, H_l, W_l].
  std::vector<torch::Tensor> taps(const torch::Tensor& x) const;

  /// The least height and width for which every layer has an output.
  int64_t least_size() const { return least_size_; }

  /// Names and shapes of the tensors that a trunk's file must hold.
  static std::vector<std::pair<std::string, std::vector<int64_t>>> shapes(LpipsNet net);

  /// C_l of every tap.
  static std::vector<int64_t> tap_channels(LpipsNet net);

 private:
  LpipsNet net_;
  int64_t least_size_;
  std::vector<torch::Tensor> weights_;  // in the order of shapes()
};

}  // namespace monge::eval

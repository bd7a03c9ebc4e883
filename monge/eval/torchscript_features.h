// A network saved as TorchScript, used as a feature network.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "monge/eval/features.h"

namespace monge::eval {

/// The file (torch.jit.save) must hold a module with
///
///     forward(x: Tensor) -> Tensor,   x float32 [N, 3, H, W], RGB, contiguous, in [0, 255]  ->  floats [N, F]
///
/// The module must resize and normalise by itself, take any N, and give the same numbers for the same images. It is put
/// into eval mode and run by the plain interpreter, which does not specialise to shapes: the first call is as fast as
/// the tenth, and all give equal numbers. Images are grouped by their size, whatever their order.
///
/// Unlike a checkpoint, such a file is a program. TorchScript can reach neither files nor the network, but load only a
/// file that you would also run as a program.
class TorchScriptFeatures : public FeatureNet {
 public:
  /// Runs the net on a grey image of 64, 224, 299, 32 and 28 pixels a side until one fits, to learn F.
  /// @throws InputError naming the file if it is no TorchScript, or if the net takes none of these sizes, returns
  ///         anything but [N, F], or returns different features for the same input.
  explicit TorchScriptFeatures(const std::filesystem::path& file, torch::Device device = torch::kCPU);
  ~TorchScriptFeatures() override;

  std::string name() const override { return name_; }
  std::string mode() const override { return kOwnMode; }
  std::string hash() const override { return hash_; }
  int64_t dim() const override { return dim_; }
  torch::Device device() const override { return device_; }

  /// @throws InputError as FeatureNet::features, and with the net's own message when it fails on the images.
  torch::Tensor features(const std::vector<torch::Tensor>& images_HWC) const override;

 private:
  struct Module;

  /// Runs the net and checks the shape of its output, except for the width.
  torch::Tensor run(const torch::Tensor& bytes_NHWC) const;

  std::string file_, name_, hash_;
  torch::Device device_;
  std::unique_ptr<Module> module_;
  int64_t dim_ = 0;
};

}  // namespace monge::eval

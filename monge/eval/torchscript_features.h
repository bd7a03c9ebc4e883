// Any network that was saved as TorchScript, as a feature network.
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
/// which resizes and normalises by itself, takes any N, and gives the same numbers for the same images. It is put in
/// eval mode and run by the plain interpreter without specialising to the shapes it sees, so that the first call is as
/// fast as the tenth and all give equal numbers. Images are grouped by their size, whatever their order.
///
/// Unlike a checkpoint, such a file is a program: TorchScript reaches no files and no network, but take it from where
/// you would take a program.
class TorchScriptFeatures : public FeatureNet {
 public:
  /// Runs the net on a grey image of 64, 224, 299, 32 and 28 pixels a side until one fits, to learn F.
  /// @throws InputError naming the file: no TorchScript; a net that takes none of these, gives something else than [N,
  /// F],
  ///         or gives another answer when asked again.
  explicit TorchScriptFeatures(const std::filesystem::path& file, torch::Device device = torch::kCPU);
  ~TorchScriptFeatures() override;

  std::string name() const override { return name_; }
  std::string mode() const override { return "own"; }
  std::string hash() const override { return hash_; }
  int64_t dim() const override { return dim_; }
  torch::Device device() const override { return device_; }

  /// @throws InputError also with the net's own message when it fails on the images.
  torch::Tensor features(const std::vector<torch::Tensor>& images_HWC) const override;

 private:
  struct Module;

  /// Runs the net; checks all but the width.
  torch::Tensor run(const torch::Tensor& bytes_NHWC) const;

  std::string file_, name_, hash_;
  torch::Device device_;
  std::unique_ptr<Module> module_;
  int64_t dim_ = 0;
};

}  // namespace monge::eval

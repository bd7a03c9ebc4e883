// The features of the Frechet inception distance.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "monge/eval/features.h"

namespace monge::eval {

class InceptionNet;

/// How an image of bytes v becomes the net's 299 x 299 pixels in about [-1, 1]. Metrics of the two do not compare.
enum class InceptionMode {
  /// Pillow's bicubic filter, antialiased, channel by channel in float without rounding or clipping; then
  /// (v - 128) / 128. Parmar, Zhang and Zhu 2022, "On Aliased Resizing"; the clean-fid package.
  clean,
  /// 2 r(v / 255) - 1 with r bilinear, corners not aligned, not antialiased. This is what the pytorch-fid package does;
  /// use it to compare with published values.
  legacy,
};

/// "clean" or "legacy". @throws InputError listing both for another name.
InceptionMode inception_mode_named(const std::string& name);

/// Pool3 of InceptionNet, 2048 features.
class InceptionFeatures : public FeatureNet {
 public:
  /// @param weights  the public file pt_inception-2015-12-05-6726825d.pth, or another state dict with its keys.
  /// @throws InputError naming the file when it cannot be read or does not fit the net.
  explicit InceptionFeatures(const std::filesystem::path& weights, InceptionMode mode = InceptionMode::clean,
                             torch::Device device = torch::kCPU);
  ~InceptionFeatures() override;

  std::string name() const override { return kFidNetName; }
  std::string mode() const override { return mode_ == InceptionMode::clean ? "clean" : "legacy"; }
  std::string hash() const override { return hash_; }
  int64_t dim() const override { return 2048; }
  torch::Device device() const override { return device_; }

  torch::Tensor features(const std::vector<torch::Tensor>& images_HWC) const override;

  /// The input of the net: float32 [N, 3, 299, 299] on the CPU, channels last. @throws InputError as features.
  torch::Tensor prepared(const std::vector<torch::Tensor>& images_HWC) const;

 private:
  InceptionMode mode_;
  torch::Device device_;
  std::string hash_;
  std::unique_ptr<InceptionNet> net_;
};

}  // namespace monge::eval

// Networks that turn an image into a vector of features, for distances between sets of images.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace monge::eval {

/// A feature network with its weights. Two figures compare only if name, mode and hash are equal, so these go into
/// every record and into the names of cached statistics.
///
/// Const calls are thread-safe and deterministic. A row depends on its own image alone; how many others share its
/// batch can move it by rounding (the kernels choose their blocks by shape): within 1e-6 of the largest feature.
class FeatureNet {
 public:
  virtual ~FeatureNet() = default;

  /// "inception", or the stem of the file of an outside net.
  virtual std::string name() const = 0;
  /// How images come to the net's size: "clean", "legacy" (see inception.h), or "own" where the net does it.
  virtual std::string mode() const = 0;
  /// content_hash of the bytes of the weight file.
  virtual std::string hash() const = 0;
  /// F, the features of an image.
  virtual int64_t dim() const = 0;
  /// Where the net computes.
  virtual torch::Device device() const = 0;

  /// @param images_HWC  uint8 RGB [H, W, 3] on the CPU, at least one; their sizes may differ. Any number: the net cuts
  ///                    them into batches itself.
  /// @return  [N, F] float32 on the CPU, in the order of the images.
  /// @throws InputError for images of another kind, naming the first, or features that are not finite.
  virtual torch::Tensor features(const std::vector<torch::Tensor>& images_HWC) const = 0;
};

/// What features() asks of its argument. @throws InputError naming `net` and the first image that is none.
void check_images(const std::vector<torch::Tensor>& images_HWC, const std::string& net);

/// How many images go through a net together: 4 on a CPU, where the maps of more leave the cache (EfficientNet-Lite0
/// runs at half the speed with 32) and oneDNN takes other kernels, which round otherwise; 64 on a GPU.
int64_t images_at_once(torch::Device device);

/// @throws InputError naming `net`, and the first image whose features_NF are not finite.
void check_finite_features(const torch::Tensor& features_NF, const std::string& net);

}  // namespace monge::eval

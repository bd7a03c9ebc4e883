// Networks that turn an image into a vector of features, for distances between sets of images.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace monge::eval {

/// The name of the FID Inception net, in recipes, flags, records and the table of known weights.
inline constexpr const char* kFidNetName = "inception";
/// The mode of nets that resize the images themselves.
inline constexpr const char* kOwnMode = "own";

/// Whether this name stands for the FID Inception net. An outside net whose file has the same name differs by its mode.
inline bool names_fid_net(std::string_view name) { return name == kFidNetName; }
/// Whether this is the mode of an outside net, which resizes the images itself.
inline bool is_own_mode(std::string_view mode) { return mode == kOwnMode; }

/// A feature network with its weights. Two metrics compare only if name, mode and hash are equal, so these go into
/// every record and into the names of cached statistics.
///
/// Const calls are thread-safe and deterministic. A row depends on its own image alone; how many others share its
/// batch can move it by rounding (the kernels choose their blocks by shape): within 1e-6 of the largest feature.
class FeatureNet {
 public:
  virtual ~FeatureNet() = default;

  /// "inception", or the stem of the file of an outside net.
  virtual std::string name() const = 0;
  /// How images are brought to the net's size: "clean", "legacy" (see inception.h), or "own" if the net does it.
  virtual std::string mode() const = 0;
  /// content_hash of the bytes of the weight file.
  virtual std::string hash() const = 0;
  /// F, the number of features of an image.
  virtual int64_t dim() const = 0;
  /// The device on which the net computes.
  virtual torch::Device device() const = 0;

  /// @param images_HWC  uint8 RGB [H, W, 3] on the CPU, at least one; their sizes may differ. Any number: the net cuts
  ///                    them into batches itself.
  /// @return  [N, F] float32 on the CPU, in the order of the images.
  /// @throws InputError for images of another kind, naming the first, or features that are not finite.
  virtual torch::Tensor features(const std::vector<torch::Tensor>& images_HWC) const = 0;
};

/// Checks the argument of FeatureNet::features. @throws InputError naming `net` and the first tensor that is no image.
void check_images(const std::vector<torch::Tensor>& images_HWC, const std::string& net);

/// How many images go through a net together: 4 on a CPU, 64 on a GPU. With more on a CPU the maps leave the cache
/// (EfficientNet-Lite0 runs at half the speed with 32), and oneDNN chooses other kernels, which round differently.
int64_t images_at_once(torch::Device device);

/// @throws InputError naming `net` and the first image whose features are not finite.
void check_finite_features(const torch::Tensor& features_NF, const std::string& net);

}  // namespace monge::eval

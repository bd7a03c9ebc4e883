// Metrics of images by trained networks: the Frechet and kernel distances of features, and LPIPS.
#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/named_metrics.h"
#include "monge/dist/process_group.h"
#include "monge/eval/evaluation_progress.h"
#include "monge/eval/feature_statistics.h"
#include "monge/eval/features.h"
#include "monge/eval/lpips.h"

namespace monge::eval {

/// Opens a feature net.
/// @param features  "inception", whose weights find_weights searches for; or a TorchScript file.
/// @param mode      "clean" or "legacy", for inception.
/// @param weights   the folder that is searched first; may be empty.
/// @throws InputError  for missing weights, naming the one command that fetches them, and for an unfit file.
std::shared_ptr<const FeatureNet> open_features(const std::string& features, const std::string& mode,
                                                const std::string& weights, torch::Device device);

/// Opens the LPIPS of a net.
/// @param net  alex, squeeze or vgg. @throws InputError as open_features.
std::shared_ptr<const Lpips> open_lpips(const std::string& net, const std::string& weights, torch::Device device);

/// Computes the metrics of a map's outputs by trained networks. It caches the feature statistics of target samples, so
/// a second evaluation with the same samples does half the work. Not thread-safe.
class ImageEvaluator {
 public:
  /// Either net may be null; its metrics are then left out.
  ImageEvaluator(std::shared_ptr<const FeatureNet> features, std::shared_ptr<const Lpips> lpips)
      : features_(std::move(features)), lpips_(std::move(lpips)) {}

  /// The net of LPIPS; null if there is none.
  const Lpips* lpips() const { return lpips_.get(); }

  /// The nets, modes and weights behind the metrics, for records. Keys and values are such as
  ///
  ///     {"features", "inception"}, {"features_mode", "clean"}, {"features_weights", "0123..."},
  ///     {"lpips_net", "alex"}, {"lpips_weights", "4567..."}
  std::vector<std::pair<std::string, std::string>> protocol() const;

  /// A warning line when there are too few samples for the Frechet distance to mean much; else "".
  std::string few_samples_warning(int64_t outputs, int64_t target) const;

  /// The metrics of outputs. Images are first rounded to 8 bits, as saving rounds them, so that the metrics are those
  /// of the files.
  ///
  ///     fid, fid_floor              Frechet distance to the target of the outputs, and of as many samples of y_b
  ///                                 (of all y_b if there are fewer)
  ///     kid, kid_floor, kid_stderr  the same for the kernel distance, and its standard error
  ///                                 (fd_NAME and kd_NAME for a net that is not the FID Inception net)
  ///     lpips, ssim                 between input and output, averaged over inputs and their outputs
  ///     lpips_diversity             mean over pairs of outputs of one input; stochastic maps
  ///
  /// @param x_BCHW         inputs, C = 1 or 3, in [-1, 1].
  /// @param output_BKCHW   K outputs per input, clamped to [-1, 1].
  /// @param y, y_b         target samples, and other target samples for the floor. Without y_b there is no floor.
  /// @param group          all ranks call this with the same images; each puts a slice of them through the nets.
  /// @param between_blocks     may be empty.
  /// @return               no metrics for outputs that are not finite.
  /// @throws InputError for images that a net cannot take.
  NamedMetrics evaluate(const torch::Tensor& x_BCHW, const torch::Tensor& output_BKCHW, const torch::Tensor& y,
                        const torch::Tensor& y_b, dist::ProcessGroup& group = dist::ProcessGroup::single(),
                        const BetweenBlocks& between_blocks = {});

 private:
  /// What the computations of all metrics need.
  struct Work {
    dist::ProcessGroup& group;
    const BetweenBlocks& between_blocks;
  };

  FeatureStatistics cached_statistics(const torch::Tensor& images_BCHW, const Work& work);
  FeatureStatistics statistics(const torch::Tensor& images_BCHW, const Work& work) const;
  void add_feature_metrics(const torch::Tensor& x_BCHW, const torch::Tensor& output_BKCHW, const torch::Tensor& y,
                           const torch::Tensor& y_b, const Work& work, NamedMetrics& out);
  void add_lpips_metrics(const torch::Tensor& x_BCHW, const torch::Tensor& output_BKCHW, const Work& work,
                         NamedMetrics& out) const;

  std::shared_ptr<const FeatureNet> features_;
  std::shared_ptr<const Lpips> lpips_;
  std::map<std::string, FeatureStatistics> cache_;  ///< by the hash of the images
};

/// The key of this net's Frechet distance in the metrics of ImageEvaluator: "fid" for the FID Inception net, else
/// "fd_NAME", where "_" replaces every character of the name but letters, digits and "_".
std::string frechet_key(const FeatureNet& net);

}  // namespace monge::eval

// Figures of images by trained networks: the Frechet and kernel distances of features, and LPIPS.
#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/figure.h"
#include "monge/dist/process_group.h"
#include "monge/eval/feature_statistics.h"
#include "monge/eval/features.h"
#include "monge/eval/lpips.h"

namespace monge::eval {

/// @param features  "inception", whose weights are looked for (see find_weights); or a TorchScript file.
/// @param mode      "clean" or "legacy", for inception.
/// @param weights   folder that is looked in first; may be empty.
/// @throws InputError  naming the one command that fetches what is missing; a file that is no such net.
std::shared_ptr<const FeatureNet> open_features(const std::string& features, const std::string& mode,
                                                const std::string& weights, torch::Device device);

/// @param net  alex, squeeze or vgg. @throws InputError as above.
std::shared_ptr<const Lpips> open_lpips(const std::string& net, const std::string& weights, torch::Device device);

/// Judges the outputs of a map. What it finds of target samples is kept, so that a second judgement by the same samples
/// does half the work. Not thread-safe.
class ImageEvaluator {
 public:
  /// Either net may be null: then its figures are left out.
  ImageEvaluator(std::shared_ptr<const FeatureNet> features, std::shared_ptr<const Lpips> lpips)
      : features_(std::move(features)), lpips_(std::move(lpips)) {}

  /// How its figures come about, for records: key and value, such as {"features", "inception"}, {"features_mode",
  /// "clean"},
  /// {"features_weights", "0123..."}, {"lpips_net", "alex"}, {"lpips_weights", "4567..."}.
  std::vector<std::pair<std::string, std::string>> protocol() const;

  /// A line for the user when so few samples are measured that the Frechet distance is hardly worth reading; else "".
  std::string few_samples_warning(int64_t outputs, int64_t target) const;

  /// Images are rounded to 8 bits first, as they are when they are saved, so that the figures are those of the files.
  ///
  ///     fid, fid_floor              Frechet distance to the target of the outputs; of as many of y_b, or as there are
  ///     kid, kid_floor, kid_stderr  kernel distance likewise, and its standard error
  ///                                 (fd_NAME and kd_NAME for a net that is not the FID Inception net)
  ///     lpips, ssim                 mean over inputs and draws, between input and output: how much the map changes
  ///     lpips_diversity             mean over pairs of draws of one input; stochastic maps
  ///
  /// @param x_BCHW         inputs, C = 1 or 3, in [-1, 1].
  /// @param output_BKCHW   K draws for each, clamped to [-1, 1].
  /// @param y, y_b         target samples and others of them for the floor, which is left out where y_b is undefined.
  /// @param group          all ranks call this with the same images; each puts a slice of them through the nets.
  /// @throws InputError for images that a net cannot take. Outputs that are not finite have no figures.
  NamedFigures judge(const torch::Tensor& x_BCHW, const torch::Tensor& output_BKCHW, const torch::Tensor& y,
                     const torch::Tensor& y_b, dist::ProcessGroup& group = dist::ProcessGroup::single());

 private:
  FeatureStatistics remembered(const torch::Tensor& images_BCHW, dist::ProcessGroup& group);
  FeatureStatistics statistics(const torch::Tensor& images_BCHW, dist::ProcessGroup& group) const;

  std::shared_ptr<const FeatureNet> features_;
  std::shared_ptr<const Lpips> lpips_;
  std::map<std::string, FeatureStatistics> remembered_;  ///< by content
};

/// The key under which the judge gives the Frechet distance of this net: "fid", or "fd_NAME" with all but letters,
/// digits and
/// "_" of the name as "_".
std::string frechet_key(const FeatureNet& net);

}  // namespace monge::eval

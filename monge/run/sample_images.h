// Images of a model's outputs during training, of the same inputs and noises at every step, so that steps compare.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "monge/run/scatter_points.h"
#include "monge/train/observer.h"

namespace monge::run {

/// RUN/samples/step_NNNNNN.png, the image of an iteration.
std::filesystem::path sample_image_path(const std::filesystem::path& run, int64_t iteration);

/// RUN/samples/target.png, samples of the target beside which outputs are judged; for images.
std::filesystem::path target_image_path(const std::filesystem::path& run);

/// Pixels a side into which each pixel of an image is enlarged in a grid of images `width` pixels wide.
int64_t sample_image_scale(int64_t width);

/// Writes sample_image_path() every samples.every iterations and at the end, for held-out inputs that are chosen once:
/// for images a grid with a row for each input, the input first, then its outputs; for vectors a scatter plot of
/// source, target and outputs, and scatter_points_path() with its points. Samples that the disk refuses are reported
/// once.
class SampleImages : public train::Observer {
 public:
  /// Called with each image that was written, uint8 [H, W, 3].
  using Drawn = std::function<void(int64_t iteration, const torch::Tensor& pixels)>;
  explicit SampleImages(Drawn drawn = {}) : drawn_(std::move(drawn)) {}

  void started(train::Trainer& trainer, int64_t iteration) override;
  bool needs_nets(const train::Trainer& trainer, int64_t done) const override;
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& metrics) override;
  void ended(train::Trainer& trainer, int64_t done, bool complete) override;

 private:
  void draw(train::Trainer& trainer, int64_t done);
  void write(const torch::Tensor& y, const std::filesystem::path& run, int64_t done) const;
  void write_target(const std::filesystem::path& run) const;
  torch::Tensor draw_scatter(const torch::Tensor& y, const std::filesystem::path& points) const;

  Drawn drawn_;
  torch::Tensor x_, target_;
  std::optional<PlaneView> view_;  ///< for vectors
  int64_t drawn_at_ = -1;
  bool failed_ = false;  ///< whether the newest could not be written
};

}  // namespace monge::run

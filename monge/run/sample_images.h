// Images of a model's outputs during training, of the same inputs and noises at every step, so that steps compare.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>

#include "monge/model/model.h"
#include "monge/train/observer.h"

namespace monge::run {

/// RUN/samples/step_NNNNNN.png, the image of an iteration.
std::filesystem::path sample_image_path(const std::filesystem::path& run, int64_t iteration);

/// Writes sample_image_path() every samples.every iterations and at the end, for held-out inputs that are
/// chosen once.
class SampleImages : public train::Observer {
 public:
  void started(train::Trainer& trainer, int64_t iteration) override;
  bool needs_nets(const train::Trainer& trainer, int64_t done) const override;
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& metrics) override;
  void ended(train::Trainer& trainer, int64_t done, bool complete) override;

 private:
  void draw(train::Trainer& trainer, int64_t done);

  torch::Tensor x_, target_;
  int64_t drawn_at_ = -1;
};

}  // namespace monge::run

// Images of the same inputs and noises at every step, so that images of different steps compare.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <functional>

#include "monge/model/model.h"
#include "monge/train/observer.h"

namespace monge::run {

/// One image of a model at work.
/// For images: a row per input, the input first, then its draws. For vectors: the first two coordinates as a scatter of
/// source, target and outputs.
/// @param x       inputs [B, ...item].
/// @param target  target samples; used for vectors only.
/// @param draws   outputs per input where the map is stochastic.
/// @param seed    of the noises; the same seed gives the same noises.
/// @return        uint8 [H, W, 3].
torch::Tensor image(const model::Model& model, const torch::Tensor& x, const torch::Tensor& target, int64_t draws,
                    uint64_t seed);

/// Writes folder/samples/step_NNNNNN.png every samples.every iterations and at the end, of held-out inputs chosen once.
class SampleImages : public train::Observer {
 public:
  void started(train::Trainer& trainer, int64_t iteration) override;
  bool looks_at_nets(const train::Trainer& trainer, int64_t done) const override;
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& figures) override;
  void ended(train::Trainer& trainer, int64_t done, bool complete) override;

 private:
  void draw(train::Trainer& trainer, int64_t done);

  torch::Tensor x_, target_;
  int64_t drawn_at_ = -1;
};

}  // namespace monge::run

#include "monge/train/augmentation_control.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/solve/precision.h"

namespace monge::train {
namespace {

constexpr double kMemory = 0.8;        // of the running mean of r, an update
constexpr double kRise = 0.25;         // of the iterations: the time from 0 to 1
constexpr double kMostStrength = 0.8;  // from there on changes begin to leak (Karras et al. 2020, figure 4)
constexpr int64_t kLeastBatch = 64;    // r has a deviation of sqrt(2 / batch)
constexpr int64_t kMostBatch = 128;    // the root computes it alone

}  // namespace

std::optional<AugmentationControl> AugmentationControl::make(const Recipe& recipe, const TrainingData& data) {
  require(recipe.potential.augment == "none" || data.target->item_shape().size() == 3, "potential.augment = \"",
          recipe.potential.augment, "\" changes images, and the data are vectors; leave it out");
  if (!recipe.potential.augments_adaptively()) return {};
  require(data.held_target != data.target,
          "potential.augment_strength = \"auto\": no target samples are held out, which the strength is measured "
          "on; set eval.holdout above 0 or eval.target, or give the strength as a number, for example 0.3");
  require(!solve::make_method(recipe)->conditional(), "potential.augment_strength = \"auto\" with method = \"",
          recipe.method, "\", whose potential takes a noise level; give the strength as a number, for example 0.3");
  return AugmentationControl(recipe, data);
}

AugmentationControl::AugmentationControl(const Recipe& recipe, const TrainingData& data)
    : trained_(std::make_shared<data::Sampler>(data.target, recipe.train.seed, "overfitting trained")),
      held_(std::make_shared<data::Sampler>(data.held_target, recipe.train.seed, "overfitting held")),
      seed_(static_cast<uint64_t>(recipe.train.seed)),
      type_(solve::state_type(recipe.train.precision)),
      batch_(std::clamp(recipe.train.batch, kLeastBatch, kMostBatch)),
      goal_(recipe.potential.augment_goal),
      speed_(static_cast<double>(kEvery) / (kRise * static_cast<double>(recipe.train.iterations))) {}

/// Both samples have the same augmentation.
torch::Tensor AugmentationControl::values(solve::Solver& solver, const data::Sampler& samples, int64_t step) const {
  const auto y = samples.batch(step, batch_).to(solver.device(), type_);
  return solver.augmented_potential(y, RandomStreams(seed_, solver.device()).at("overfitting augment", step))
      .to(torch::kFloat64);
}

void AugmentationControl::update(solve::Solver& solver, dist::ProcessGroup& group, int64_t done) {
  auto state = solver.augmentation_state();
  if (group.is_root()) {
    const auto trained = values(solver, *trained_, done), held = values(solver, *held_, done);
    const double r = ((trained.mean() - held.mean()) / trained.std().clamp_min(1e-12)).item<double>();
    double* value = state.data_ptr<double>();
    value[1] = kMemory * value[1] + (1 - kMemory) * r;
    value[0] = std::clamp(value[0] + (value[1] > goal_ ? speed_ : -speed_), 0.0, kMostStrength);
  }
  group.broadcast(state);
}

}  // namespace monge::train

// Follows how far the potential overfits, and sets the strength of the augmentation accordingly.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "monge/data/sampler.h"
#include "monge/dist/process_group.h"
#include "monge/solve/solver.h"
#include "monge/train/recipe.h"
#include "monge/train/training_data.h"

namespace monge::train {

/// The adaptive strength of ot::PotentialAugmentation. In every eighth iteration it compares the potential on training
/// samples of the target with that on held-out ones,
///
///     r = (mean f(A y_train) - mean f(A y_held)) / std f(A y_train)
///
/// which is 0 in the mean for a potential that memorises nothing. The strength rises while the running mean of r is
/// above potential.augment_goal, and falls below it, at a speed that would take it from 0 to 1 in a quarter of the
/// training. Karras et al. 2020 follow r likewise, with the outputs' distance from the training samples as unit; for an
/// optimal map that distance is 0. So the training depends on the held-out samples through one number; keep the samples
/// of a last test apart (monge eval --target).
///
/// A measurement takes two forward passes of the potential with batches of 64 to 128, on the root alone.
class AugmentationControl {
 public:
  /// Checks potential.augment against the data. @return nothing unless the strength is adaptive.
  /// @throws InputError for vectors; for an adaptive strength without held-out target samples, or with a method whose
  ///         potential takes a noise level.
  static std::optional<AugmentationControl> make(const Recipe& recipe, const TrainingData& data);

  /// Whether `update` must be called after iteration `done`.
  static bool due(int64_t done) { return done % kEvery == 0; }

  /// Measures r and changes solver.augmentation_state(). All ranks call it; they take the root's values.
  void update(solve::Solver& solver, dist::ProcessGroup& group, int64_t done);

 private:
  static constexpr int64_t kEvery = 8;

  AugmentationControl(const Recipe& recipe, const TrainingData& data);

  torch::Tensor values(solve::Solver& solver, const data::Sampler& samples, int64_t step) const;

  std::shared_ptr<const data::Sampler> trained_, held_;
  uint64_t seed_;
  torch::ScalarType type_;
  int64_t batch_;
  double goal_, speed_;  ///< speed: change of the strength in an update
};

}  // namespace monge::train

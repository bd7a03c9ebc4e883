// The optimal transport map between the colours of two photographs: what it is trained on, how, and how good it is.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monge/eval/push_forward_error.h"
#include "monge/model/model.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"
#include "monge/train/recipe.h"

namespace monge::session {

/// Colours of one side as float32 [N, 3] in [-1, 1], see sample_pixels.
struct PixelSet {
  torch::Tensor train;           ///< for the training
  torch::Tensor plan;            ///< for the plan from which the training starts
  torch::Tensor held_a, held_b;  ///< two further samples of one size, for the score
  bool grey = false;             ///< every colour of the three is grey
};

/// Linear coordinates in which the identity is the optimal map between the two normal laws with the colours' means and
/// covariances, so that a net T(x) = x + net(x) has only the rest to learn.
///
/// Let A be the matrix of the optimal map between these laws (eval::gaussian_ot_map) and B = A^1/2. The coordinates are
///
///     x' = s B (x - mean x),   y' = s B^-1 (y - mean y)
///
/// A is symmetric, so <x', y'> = s^2 <x - mean x, y - mean y>: the two problems differ by terms that depend on x or y
/// alone, and a plan is optimal for |x' - y'|^2 if and only if it is for |x - y|^2. Both sides have the covariance
/// s^2 B S_x B; s makes its mean variance 1.
class ColourCoordinates {
 public:
  /// @param x_N3, y_N3  colours of both sides. Flat covariances are widened, so a single colour is allowed.
  ColourCoordinates(const torch::Tensor& x_N3, const torch::Tensor& y_N3);

  torch::Tensor from_source(const torch::Tensor& x_N3) const;  ///< x', float32
  torch::Tensor from_target(const torch::Tensor& y_N3) const;  ///< y', float32
  torch::Tensor to_target(const torch::Tensor& y_N3) const;    ///< y of y', float32

 private:
  torch::Tensor mean_x_, mean_y_, source_33_, target_33_, back_33_;  ///< float64
};

/// A trained map of colours.
class ColourMap {
 public:
  /// @param net   the map between colours in `coordinates`.
  /// @param grey  whether outputs are projected to grey, for a grey style.
  ColourMap(model::Model net, ColourCoordinates coordinates, bool grey)
      : net_(std::move(net)), coordinates_(std::move(coordinates)), grey_(grey) {}

  /// The map that leaves colours as they are.
  static ColourMap identity() { return {}; }
  bool is_identity() const { return !net_; }

  /// T of colours. @param x_N3  float32 in [-1, 1], on the CPU. @return float32 [N, 3] on the CPU, clamped to [-1, 1].
  torch::Tensor operator()(const torch::Tensor& x_N3) const;

 private:
  ColourMap() = default;

  std::optional<model::Model> net_;
  std::optional<ColourCoordinates> coordinates_;
  bool grey_ = false;
};

/// How near the outputs come to the style, and what the map costs. Colours are in [-1, 1].
struct ColourScore {
  /// 1/2 W2^2 to colours of the style, by exact plans of `samples` colours on both sides: of the outputs (error), of
  /// other colours of the style (floor), and of the photo itself (start).
  eval::PushForwardError target;
  double cost = 0;        ///< 1/2 E|x - T(x)|^2
  double exact_cost = 0;  ///< 1/2 W2^2 of the photo and the style: the least cost, by the plan of the same colours
  int64_t samples = 0;

  /// cost / exact_cost; 1 where both are 0.
  double cost_ratio() const;
  /// "reaches its target", and so on: see eval::in_words.
  std::string verdict() const;
  /// Whether photo and style have the same colours, as far as the samples show. Then there is nothing to learn.
  bool same_colours() const;
};

struct ColourMapOptions {
  int64_t seed = 0;
  /// "section.key=value" over the recipe, for the sections map, potential and train: "train.iterations=6000".
  std::vector<std::string> assignments = {};
};

/// The recipe of a colour map: method strong, small nets for vectors. Its settings were chosen by the trainings that
/// docs/recolour.md lists.
/// @throws InputError for an assignment of another section, or as train::assign.
train::Recipe colour_recipe(const ColourMapOptions& options);

struct ColourMapResult {
  bool complete = false;  ///< false when the stop flag ended the training; then nothing else is set
  ColourMap map = ColourMap::identity();
  ColourScore score;
  double training_seconds = 0;
};

/// Trains the optimal map from the colours of `photo` to those of `style` in memory and scores it. For equal colours it
/// is the identity, without a training.
/// @throws InputError without colours on a side; DivergedError when the losses are no longer finite.
ColourMapResult learn_colour_map(const PixelSet& photo, const PixelSet& style, const ColourMapOptions& options = {},
                                 const Compute& compute = {}, const Hooks& hooks = {});

}  // namespace monge::session

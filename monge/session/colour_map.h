// The optimal transport map between the colours of two photographs: what it is trained on, how, and how good it is.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monge/eval/push_forward_error.h"
#include "monge/nn/module.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"
#include "monge/solve/options.h"

namespace monge::session {

/// The number of exact plans that a map is fitted to, see partners_by_plan.
inline constexpr int64_t kFitPlans = 4;

/// Colours of one side as float32 [N, 3] in [-1, 1], see sample_pixels.
struct PixelSet {
  torch::Tensor fit;             ///< for the plans that the map is fitted to; N a multiple of kFitPlans
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
  ColourMap(std::shared_ptr<nn::MapNet> net, ColourCoordinates coordinates, bool grey)
      : net_(std::move(net)), coordinates_(std::move(coordinates)), grey_(grey) {}

  /// The map that leaves colours as they are.
  static ColourMap identity() { return {}; }
  bool is_identity() const { return !net_; }

  /// T of colours. @param x_N3  float32 in [-1, 1], on the CPU. @return float32 [N, 3] on the CPU, clamped to [-1, 1].
  torch::Tensor operator()(const torch::Tensor& x_N3) const;

 private:
  ColourMap() = default;

  std::shared_ptr<nn::MapNet> net_;
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
  /// "section.key=value" over colour_options: train.iterations, train.batch, train.lr_map, and keys of the section map.
  std::vector<std::string> assignments = {};
};

/// The net of a colour map and the settings of its fit. They were chosen by the fits that docs/recolour.md lists.
/// @throws InputError for an assignment that has no effect, or as solve::assign.
solve::SolverOptions colour_options(const ColourMapOptions& options);

struct ColourMapResult {
  bool complete = false;  ///< false when the stop flag ended the fit; then nothing else is set
  ColourMap map = ColourMap::identity();
  ColourScore score;
  double training_seconds = 0;  ///< of the plans and the fit
};

/// Learns the optimal map from the colours of `photo` to those of `style` and scores it on other colours. A net is
/// fitted to exact plans of samples. In three dimensions such plans are so near the optimal map that training by the
/// semi-dual problem from there made the map worse (docs/recolour.md). For equal colours it is the identity.
/// @throws InputError without colours on a side; DivergedError when weights are not finite.
ColourMapResult learn_colour_map(const PixelSet& photo, const PixelSet& style, const ColourMapOptions& options = {},
                                 const Compute& compute = {}, const Hooks& hooks = {});

}  // namespace monge::session

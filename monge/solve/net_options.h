// The options of the built-in nets, [map] and [potential], and of the regularisers of the potential.
#pragma once

#include <cstdint>
#include <string>

#include "monge/core/auto_number.h"
#include "monge/core/option_rows.h"

namespace monge::solve {

/// [map]
struct MapOptions {
  static constexpr const char* kSection = "map";
  static constexpr const char* kHelp = "The network T";

  std::string net = "auto";         ///< "auto", or a name of map_nets
  int64_t width = 0;                ///< first width of the unet, or hidden width of the mlp; 0: the net's default
  int64_t depth = 0;                ///< halvings of the unet, or hidden layers of the mlp; 0: the net's default
  int64_t patch = 1;                ///< of the unet, see nn::UNetOptions
  std::string activation = "silu";  ///< of the mlp
  std::string norm = "batch";       ///< of the unet
  bool residual = false;            ///< T(x) = x + net(x)
  bool zero_last = false;           ///< the last layer starts at zero
  bool quadratic = false;           ///< adds y'Ay + b'y to the mlp of a gradient map
  std::string gradient_of = "mlp";  ///< the potential of a gradient map: a name of potential_nets
  std::string output = "none";      ///< how the output is bounded, see nn/output_bound.h

  void describe(OptionRows& rows);
};

/// [potential]
struct PotentialOptions {
  static constexpr const char* kSection = "potential";
  static constexpr const char* kHelp = "The network f and its regularisers";

  std::string net = "auto";  ///< "auto", or a name of potential_nets
  int64_t width = 0;         ///< first width of the resnet or ddpm, or hidden width of the mlp; 0: the net's default
  int64_t width_max = 512;   ///< of the resnet or ddpm
  int64_t depth = 3;         ///< hidden layers of the mlp
  int64_t patch = 1;         ///< of the resnet
  std::string activation = "silu";  ///< of the mlp
  double res_ratio = 0.1;           ///< weight of a resnet block's branch
  bool quadratic = false;           ///< adds y'Ay + b'y to the mlp
  bool zero_last = false;           ///< the mlp's last layer starts at zero
  AutoNumber r1;                    ///< weight of the R1 penalty, see ot::r1_penalty; 0 is off; auto: resolve_penalty
  int64_t r1_every = 1;             ///< R1 is computed in every n-th potential step and scaled by n
  double expectile = 0.0;           ///< weight of the expectile regulariser, see ot::expectile_penalty; 0 is off
  double expectile_level = 0.98;    ///< its expectile
  std::string expectile_scale = "cost";  ///< what it is divided by: the mean pair cost, or 1 ("none", as published)
  double weight = 1.0;                   ///< of its loss in a simultaneous update, see ot::GradientPairOptions
  std::string augment = "none";          ///< a name of ot::augmentation_kinds
  AutoNumber augment_strength;           ///< p in [0, 0.9], see ot::PotentialAugmentation; auto: adaptive
  double augment_goal = 0.2;             ///< see train::AugmentationControl

  /// Whether the strength follows the overfitting of the potential, see train::AugmentationControl.
  bool augments_adaptively() const { return augment != "none" && augment_strength.automatic(); }

  void describe(OptionRows& rows);
};

}  // namespace monge::solve

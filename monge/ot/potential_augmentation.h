// Random changes of the potential's inputs, against a potential that memorises the samples of a small target.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "monge/core/item_draws.h"
#include "monge/core/value_names.h"
#include "monge/ot/host_or_device_scalar.h"

namespace monge::ot {

/// What is changed: mirroring and shifts; brightness, contrast, hue and saturation; or both.
enum class AugmentationKind { none, geometry, colour, all };

/// "none", "geometry", "colour", "all".
const ValueNames<AugmentationKind>& augmentation_kinds();

/// The random changes A_b of the images of a batch. Outputs and target samples undergo them before the potential, the
/// cost does not:
///
///     sup_f inf_T  E_A [ E_y f(A y) + E_x ( c(x, T(x)) - f(A T(x)) ) ]
///
/// Each change is made with a probability p below 1, so laws that are equal after the changes were equal before them,
/// and outputs do not learn the changes, as they do when the target itself is augmented (Karras et al. 2020, "Training
/// generative adversarial networks with limited data"). The changes are those of that paper but for rotations, scales
/// and cut-outs:
///
///     geometry  mirrored left to right with probability p/2; shifted by up to 1/8 of each side, reflected at the edges
///     colour    c (P y + s (cos h (y - P y) + sin h K y)) + b
///
/// P y is the mean of the channels in every channel, K y the cross product of (1, 1, 1) / 3^1/2 and y. b is normal with
/// deviation 0.4 (brightness), log2 c with 0.5 (contrast), log2 s with 1 (saturation); h is uniform in (-pi, pi) (hue).
/// Colours are in [-1, 1] and are not clamped afterwards. Images without three channels have neither hue nor
/// saturation.
struct PotentialAugmentation {
  AugmentationKind kind = AugmentationKind::none;
  torch::Tensor draws_BK{};        ///< uniform in [0, 1], see draw_augmentation; undefined: nothing changes
  HostOrDeviceScalar strength{0};  ///< p, at most 0.9 in recipes

  bool defined() const { return draws_BK.defined(); }

  /// A_b y_bz. Differentiable in y. Reads no value from the device.
  /// @param y_NCHW  N = B * samples images, b major. @throws InputError for anything but images.
  torch::Tensor apply(const torch::Tensor& y_NCHW, int64_t samples = 1) const;

  /// The changes of the items [begin, begin + length).
  PotentialAugmentation piece(int64_t begin, int64_t length) const;
};

/// Draws the changes for `batch` images.
/// @param strength  p; the draws do not depend on it.
PotentialAugmentation draw_augmentation(AugmentationKind kind, int64_t batch, const HostOrDeviceScalar& strength,
                                        const ItemDraws& draws);

}  // namespace monge::ot

// Random changes of the potential's inputs, against a potential that remembers the samples of a small target.
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
/// Each change is made with a probability p below 1 and can be undone, so laws that are equal after it were equal
/// before it: outputs do not learn the changes, as they do when the target itself is augmented (Karras et al. 2020,
/// "Training generative adversarial networks with limited data"). The changes are those of that paper but for rotations
/// and scales:
///
///     geometry  mirrored left to right with probability p/2; shifted by up to 1/8 of each side, reflected at the edges
///     colour    y' = c (P y + s (cos h (y - P y) + sin h K y)) + b,   P y the mean of the channels, K y = (1,1,1)/sqrt
///     3 x y
///               b ~ N(0, 0.4^2) brightness, log2 c ~ N(0, 0.5^2) contrast, h ~ U(-pi, pi) hue, log2 s ~ N(0, 1)
///               saturation
///
/// Colours are in [-1, 1]. Images without three channels have neither hue nor saturation. Flips of drawings with text,
/// for example, would be seen by the potential alone, so they need not be allowed in outputs.
struct Augmentation {
  AugmentationKind kind = AugmentationKind::none;
  torch::Tensor draws_BK{};        ///< uniform in [0, 1), see draw_augmentation; undefined: nothing changes
  HostOrDeviceScalar strength{0};  ///< p in [0, 1)

  bool defined() const { return draws_BK.defined(); }

  /// A_b y_bz. Differentiable in y. Reads no value from the device.
  /// @param y_NCHW  N = B * samples images, b major.
  torch::Tensor apply(const torch::Tensor& y_NCHW, int64_t samples = 1) const;

  /// The changes of the items [begin, begin + length).
  Augmentation piece(int64_t begin, int64_t length) const;
};

/// Draws the changes for `batch` images.
/// @param strength  p; the draws do not depend on it.
Augmentation draw_augmentation(AugmentationKind kind, int64_t batch, const HostOrDeviceScalar& strength,
                               const ItemDraws& draws);

}  // namespace monge::ot

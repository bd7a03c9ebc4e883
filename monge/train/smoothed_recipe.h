// The change of a recipe with which a training that diverged on a source without a density continues.
#pragma once

#include <ATen/core/ATen_fwd.h>

#include <optional>

#include "monge/train/recipe.h"
#include "monge/train/source_check.h"

namespace monge::train {

/// The noise level with which a training of this recipe may continue as method otp with the same nets: the root mean
/// square of a sample in each dimension that the samples span,
///
///     eps = radius / sqrt(rank),
///
/// so that the noise is as wide as the source is. Unset if the source has a density as far as its samples tell, if the
/// method smooths it already or has random inputs of its own, and for images, whose outputs would show noise of this
/// width.
std::optional<double> level_to_smooth(const Recipe& recipe, const SourceShape& source, at::IntArrayRef item_shape);

/// Sets method otp with the cost of the present method and this level throughout.
void smooth_source(Recipe& recipe, double level);

}  // namespace monge::train

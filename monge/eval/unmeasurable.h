// Samples that no distance can be measured to, so that no figure and no verdict is made of them.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "monge/data/source.h"

namespace monge::eval {

/// From here on the square of a difference can overflow float32 (the root of its largest number is 1.8e19). Beside such
/// a value double has no digits left for the distances between ordinary samples either.
inline constexpr double kLargestMeasured = 1e19;

/// "1 of 300 outputs is not finite; the first is that of row 17 (counted from 0)"; empty where every sample is finite
/// and below kLargestMeasured. The first is that of the smallest index.
/// @param what       the samples in the plural: "outputs".
/// @param samples    [N, ...], or [N, draws, ...] with `draws` above 1.
/// @param source     that the samples are items of, or outputs for items of.
/// @param items      gives the N indices in `source`, and is asked only where a sample is bad; no indices of an endless
/// one, whose
///                   draws have no place.
std::string unmeasurable(const std::string& what, const torch::Tensor& samples, int64_t draws,
                         const data::Source& source, const std::function<std::vector<int64_t>()>& items);

}  // namespace monge::eval

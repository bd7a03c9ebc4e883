// Samples to which no distance can be measured. They give no metric and no verdict.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "monge/data/source.h"

namespace monge::eval {

/// The bound of measurable entries. Above it the square of a difference can overflow float32 (the root of whose largest
/// number is 1.8e19), and beside such a square float64 has no digits left for the distances between ordinary samples.
inline constexpr double kLargestMeasured = 1e19;

/// "1 of 300 outputs is not finite; the first is that of row 17 (counted from 0)"; empty if every sample is finite and
/// below kLargestMeasured. The first is the one of the smallest index.
/// @param what       the samples in the plural: "outputs".
/// @param samples    [N, ...], or [N, samples_per_input, ...] with `samples_per_input` above 1.
/// @param source     the source whose items the samples are, or whose items they are outputs for.
/// @param items      returns the N indices in `source`, or none for an endless source, whose samples have no index.
///                   It is called only if a sample is bad.
std::string unmeasurable(const std::string& what, const torch::Tensor& samples, int64_t samples_per_input,
                         const data::Source& source, const std::function<std::vector<int64_t>()>& items);

}  // namespace monge::eval

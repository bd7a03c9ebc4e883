// How the output of a map of images is bounded.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace monge::nn {

/// The kinds: "none"; "tanh", which bounds to (-1, 1); "clamp", which bounds to [-1, 1] and reaches both ends.
std::vector<std::string> output_bounds();

/// @param net  its name, for the message.
/// @throws InputError for a kind that is not one of output_bounds().
void check_output_bound(const std::string& kind, const char* net);

/// Bounds y by a kind of output_bounds().
///
/// With "clamp", values beyond an end are that end, so that an output can be exactly white or black. Their gradient
/// passes where descent leads back between the ends, and is zero where it leads further out. A net can thus keep a
/// background white with a margin, and leave it again. Of any type, shape and device; differentiable once.
torch::Tensor bound_output(const torch::Tensor& y, const std::string& kind);

}  // namespace monge::nn

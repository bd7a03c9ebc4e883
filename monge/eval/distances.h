// Euclidean distances between two sets of samples.
#pragma once

#include <torch/types.h>

namespace monge::eval {

/// @throws InputError starting with `what` unless both are [N, ...] with entries of one shape and not empty.
void check_same_kind(const char* what, const torch::Tensor& a, const torch::Tensor& b);

/// |a_i - b_j|, [N, M], of rows [N, D] and [M, D]. In more than 32 dimensions it uses the matrix product, which is
/// faster; in fewer it uses the differences, which are as fast and exact for near points.
torch::Tensor distances(const torch::Tensor& a_ND, const torch::Tensor& b_MD);

}  // namespace monge::eval

// Interpolation between two sets of samples along their exact plan.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace monge::eval {

/// (1 - t) a_i + t b_s(i), with s the assignment of least sum |a_i - b_s(i)|^2 between n random samples of each set:
/// McCann's displacement interpolation (1997) of samples. n = min(points, N, M), float64 [n, D].
/// @param a_ND,b_MD  any float type, finite.
/// @param t       in [0, 1].
/// @param points  in [1, kMostPlanPoints].
/// @param seed    of the choice of samples.
/// @throws InputError if D differs, or for values out of range.
torch::Tensor displacement_interpolation(const torch::Tensor& a_ND, const torch::Tensor& b_MD, double t, int64_t points,
                                         uint64_t seed);

}  // namespace monge::eval

// Displacement interpolation: the points between an input and its output.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace monge::model {

/// x_t = (1 - t) x + t y, computed as x + t (y - x) or, from t = 1/2 on, as y - (1 - t) (y - x).
///
/// With y = T(x) and x from P, this is McCann's displacement interpolation between P and T#P (McCann 1997, A convexity
/// principle for interacting gases). If T is optimal for the quadratic cost, the distributions of x_t are the geodesic
/// of W2. The same holds for y = T(x, z) with an optimal plan, if z is the same for all t.
///
/// t = 0 gives x and t = 1 gives y, to the bit. Where x and y are equal, x_t is equal to both for every t.
/// @param x, y  floats on the CPU, of shapes that broadcast to that of y.
/// @param t     in [0, 1].
/// @return      of y's shape and the wider of the two types; at t = 0 of x's type, at t = 1 y itself.
/// @throws InputError for a t outside [0, 1], or for an x whose shape does not fit.
torch::Tensor between(const torch::Tensor& x, const torch::Tensor& y, double t);

/// `count` equidistant values from 0 to 1, both included. @throws InputError unless count >= 2.
std::vector<double> equidistant_times(int64_t count);

}  // namespace monge::model

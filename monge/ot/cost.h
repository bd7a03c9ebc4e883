// Transport costs between inputs and outputs, one value per input.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>

#include "monge/core/option_rows.h"
#include "monge/ot/host_or_device_scalar.h"

namespace monge::ot {

/// [cost]
struct CostOptions {
  static constexpr const char* kSection = "cost";
  static constexpr const char* kHelp = "The transport cost";

  std::string scale = "mean";  ///< tau, see cost_scale

  void describe(OptionRows& rows);
  /// @throws InputError for a scale that cost_scale refuses.
  void check() const;
};

/// The factor tau of c(x,y) = tau ||x-y||^2 from the recipe's cost.scale: "mean" is 1/dim, "half" is 1/2 (the textbook
/// cost), and a positive number is that number.
/// @param dim  entries of one item, > 0.
/// @throws InputError  for another word or a number <= 0.
double cost_scale(const std::string& scale, int64_t dim);

/// Squared Euclidean cost of a deterministic map.
///
///     c(x) = tau * ||x - y||^2        (sum over the entries of an item)
///
/// @param x  inputs [B, ...].
/// @param y  outputs of the same shape.
/// @return   [B], differentiable in both.
torch::Tensor squared_cost(const torch::Tensor& x, const torch::Tensor& y, double tau);

/// sqrt(tau) * ||x - y||, the cost between single points that belongs to kernel_cost; shapes as above.
torch::Tensor distance_cost(const torch::Tensor& x, const torch::Tensor& y, double tau);

/// Weak quadratic cost of a stochastic map, estimated without bias from Z samples. It rewards a map that spreads an
/// input over several outputs.
///
///     C(x) = tau * ( mean_z ||x - y_z||^2  -  gamma * Var_z[y_z] ),      y_z = T(x, z)
///
/// with Var the trace of the sample covariance (divisor Z-1). Korotin et al. 2023, eq. 8; theirs has tau = 1/2.
///
/// @param x      inputs [B, ...].
/// @param y      outputs [B, Z, ...], Z >= 2.
/// @param gamma  weight of the variance, >= 0; 0 is the squared cost averaged over the samples.
/// @return       [B], differentiable in x and y; may be negative when gamma > 1.
/// @throws InputError if Z < 2 or the shapes do not fit.
torch::Tensor weak_cost(const torch::Tensor& x, const torch::Tensor& y, double tau, const HostOrDeviceScalar& gamma);

/// Distance-kernel weak cost of a stochastic map. With a characteristic kernel like this one every saddle point is an
/// optimal plan, which the weak quadratic cost cannot promise. Korotin et al. 2023 (Kernel NOT), with k(a,b) the
/// distance kernel.
///
///     C(x) = sqrt(tau) * ( mean_z ||x - y_z||  -  gamma/2 * mean_{z != z'} ||y_z - y_z'|| )
///
/// sqrt(tau) measures distances in the units of the squared cost, so one cost.scale serves both.
///
/// @param x      inputs [B, ...].
/// @param y      outputs [B, Z, ...], Z >= 2.
/// @param gamma  in [0, 1].
/// @return       [B], differentiable; the gradient is 0 where two points coincide.
/// @throws InputError if Z < 2 or the shapes do not fit.
torch::Tensor kernel_cost(const torch::Tensor& x, const torch::Tensor& y, double tau, const HostOrDeviceScalar& gamma);

}  // namespace monge::ot

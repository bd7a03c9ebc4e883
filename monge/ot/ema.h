// The exponential moving average of weights, which is evaluated, exported and shown.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "monge/ot/host_or_device_scalar.h"

namespace monge::ot {

/// The decay at outer iteration k: min(decay, (1+k)/(1+ramp+k)). So the average spans at most 1/ramp of the iterations
/// so far, and soon forgets the initial weights.
double ema_decay(double decay, int64_t iteration, double ramp = 9);

/// average <- average + weight * (value - average), in place and in one pass.
/// @param weight  1 - decay; its tensor, if defined, has the type of `average`.
void ema_update(torch::Tensor average, const torch::Tensor& value, const HostOrDeviceScalar& weight);

}  // namespace monge::ot

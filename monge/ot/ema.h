// Exponential moving average of weights: what is evaluated, exported and shown.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "monge/ot/host_or_device_scalar.h"

namespace monge::ot {

/// The decay at an outer iteration: min(decay, (1+k)/(10+k)), so that the average forgets the initial weights early on.
double ema_decay(double decay, int64_t iteration);

/// average <- average + weight * (value - average), weight = 1 - decay, in place and in one sweep.
/// @param weight  its tensor, where it has one, is of the type of `average`.
void ema_update(torch::Tensor average, const torch::Tensor& value, const HostOrDeviceScalar& weight);

}  // namespace monge::ot

// Exponential moving average of weights: what is evaluated, exported and shown.
#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace monge::ot {

/// The decay at an outer iteration: min(decay, (1+k)/(10+k)), so that the average forgets the initial weights early on.
double ema_decay(double decay, int64_t iteration);

/// average <- decay * average + (1 - decay) * value, tensor by tensor, in place and in one fused sweep.
void ema_update(std::vector<torch::Tensor>& average, const std::vector<torch::Tensor>& value, double decay);

}  // namespace monge::ot

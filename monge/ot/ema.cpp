#include "monge/ot/ema.h"

#include <torch/types.h>

#include <algorithm>

namespace monge::ot {

double ema_decay(double decay, int64_t iteration, double ramp) {
  const auto k = static_cast<double>(iteration);
  return std::min(decay, (1.0 + k) / (1.0 + ramp + k));
}

void ema_update(torch::Tensor average, const torch::Tensor& value, const HostOrDeviceScalar& weight) {
  at::NoGradGuard no_grad;
  if (weight.tensor.defined()) {
    average.lerp_(value, weight.tensor);
  } else {
    average.lerp_(value, weight.value);
  }
}

}  // namespace monge::ot

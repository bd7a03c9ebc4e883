#include "monge/ot/ema.h"

#include <algorithm>

#include <torch/types.h>

namespace monge::ot {

double ema_decay(double decay, int64_t iteration) {
  return std::min(decay, (1.0 + static_cast<double>(iteration)) / (10.0 + static_cast<double>(iteration)));
}

void ema_update(std::vector<torch::Tensor>& average, const std::vector<torch::Tensor>& value, double decay) {
  at::NoGradGuard no_grad;
  at::_foreach_lerp_(average, value, 1.0 - decay);
}

}  // namespace monge::ot

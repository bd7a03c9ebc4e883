#include "monge/nn/seeded.h"

#include <ATen/CPUGeneratorImpl.h>

#include <mutex>

namespace monge::nn {

SeededInitialisation::SeededInitialisation(uint64_t seed) {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  former_state_ = generator.get_state();
  generator.set_current_seed(seed);
}

SeededInitialisation::~SeededInitialisation() {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  generator.set_state(former_state_);
}

}  // namespace monge::nn

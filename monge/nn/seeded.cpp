#include "monge/nn/seeded.h"

#include <ATen/CPUGeneratorImpl.h>

namespace monge::nn {

namespace {

std::recursive_mutex& building() {
  static std::recursive_mutex mutex;  // recursive: a net may build another one
  return mutex;
}

}  // namespace

SeededInitialisation::SeededInitialisation(uint64_t seed) : alone_(building()) {
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

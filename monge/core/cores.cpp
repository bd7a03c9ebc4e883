#include "monge/core/cores.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace monge {
namespace {

std::atomic<int64_t> chosen{0};

}  // namespace

int64_t usable_cores() {
  const int64_t set = chosen;
  return set > 0 ? set : std::max<int64_t>(std::thread::hardware_concurrency(), 1);
}

void set_usable_cores(int64_t cores) { chosen = cores; }

}  // namespace monge

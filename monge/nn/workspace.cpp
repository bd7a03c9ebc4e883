#include "monge/nn/workspace.h"

#include <cstdlib>
#include <memory>
#include <new>

namespace monge::nn {
namespace {

struct Free {
  void operator()(float* memory) const { std::free(memory); }
};

}  // namespace

float* workspace(int64_t count) {
  thread_local std::unique_ptr<float, Free> memory;
  thread_local int64_t held = 0;
  if (count > held) {
    const int64_t rounded = (count + 4095) / 4096 * 4096;
    memory.reset();
    held = 0;
    memory.reset(static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(rounded) * sizeof(float))));
    if (!memory) throw std::bad_alloc();
    held = rounded;
  }
  return memory.get();
}

}  // namespace monge::nn

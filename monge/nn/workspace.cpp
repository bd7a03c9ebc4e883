#include "monge/nn/workspace.h"

#include <cstdlib>
#include <memory>
#include <new>

namespace monge::nn {
namespace {

struct Free {
  void operator()(float* memory) const { std::free(memory); }
};

struct WorkspaceBlock {
  std::unique_ptr<float, Free> memory;
  int64_t held = 0;
};

}  // namespace

float* workspace(int64_t count, WorkspaceOf use) {
  thread_local WorkspaceBlock blocks[static_cast<size_t>(WorkspaceOf::products) + 1];
  auto& block = blocks[static_cast<size_t>(use)];
  if (count > block.held) {
    const int64_t rounded = (count + 4095) / 4096 * 4096;
    block.memory.reset();
    block.held = 0;
    block.memory.reset(static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(rounded) * sizeof(float))));
    if (!block.memory) throw std::bad_alloc();
    block.held = rounded;
  }
  return block.memory.get();
}

}  // namespace monge::nn

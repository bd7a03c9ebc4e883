#include "monge/solve/settings.h"

#include <ATen/Context.h>
#include <malloc.h>

#include <cstdlib>

namespace monge::solve {

void apply_settings(const train::Recipe& recipe, torch::Device device) {
  auto& context = at::globalContext();
  const auto& t = recipe.train;
  context.setDeterministicAlgorithms(t.deterministic, /*warn_only=*/true);
  // Filling fresh memory finds reads of it, and costs a pass over every tensor.
  context.setDeterministicFillUninitializedMemory(false);
  context.setDeterministicMkldnn(t.deterministic);
  if (!device.is_cuda()) return;
  if (t.deterministic) ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  context.setDeterministicCuDNN(t.deterministic);
  context.setBenchmarkCuDNN(t.cudnn_benchmark && !t.deterministic);
  context.setAllowTF32CuBLAS(t.tf32);
  context.setAllowTF32CuDNN(t.tf32);
}

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kNever = 2'000'000'000;  // mallopt takes an int
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, kNever);
  ::mallopt(M_TOP_PAD, 64 << 20);
#endif
}

}  // namespace monge::solve

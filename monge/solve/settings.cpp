#include "monge/solve/settings.h"

#include <ATen/Context.h>
#include <malloc.h>

#include <cstdlib>

namespace monge::solve {

void apply_settings(const TrainOptions& options, torch::Device device) {
  auto& context = at::globalContext();
  context.setDeterministicAlgorithms(options.deterministic, /*warn_only=*/true);
  // Filling fresh memory finds reads of it, and costs a pass over every tensor.
  context.setDeterministicFillUninitializedMemory(false);
  context.setDeterministicMkldnn(options.deterministic);
  if (!device.is_cuda()) return;
  if (options.deterministic) ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  context.setDeterministicCuDNN(options.deterministic);
  context.setBenchmarkCuDNN(options.cudnn_benchmark && !options.deterministic);
  context.setAllowTF32CuBLAS(options.tf32);
  context.setAllowTF32CuDNN(options.tf32);
}

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kNever = 2'000'000'000;  // mallopt takes an int
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, kNever);
  ::mallopt(M_TOP_PAD, 64 << 20);
#endif
}

void release_freed_memory() {
#ifdef __GLIBC__
  // The limits that glibc itself comes to: it raises both thresholds by the sizes that are freed, up to these.
  constexpr int kMostMapped = 32 << 20;
  ::mallopt(M_MMAP_THRESHOLD, kMostMapped);
  ::mallopt(M_TRIM_THRESHOLD, 2 * kMostMapped);
  ::mallopt(M_TOP_PAD, 128 << 10);
  return_free_pages();
#endif
}

void share_one_heap() {
#ifdef __GLIBC__
  ::mallopt(M_ARENA_MAX, 1);
#endif
}

void return_free_pages() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace monge::solve

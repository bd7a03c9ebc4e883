// What LibTorch is told once a process: how exact and how repeatable its kernels are, and what becomes of freed memory.
#pragma once

#include <torch/types.h>

#include "monge/solve/options.h"

namespace monge::solve {

/// Sets TF32, cuDNN's search for fast algorithms and determinism as [train] says. Call it before the first work on a
/// GPU: cuBLAS reads its workspace setting then. On a CPU only determinism counts. Kernels that have no deterministic
/// form (the backward pass of LibTorch's bilinear upsampling on a GPU) warn and run: stopping there would make the
/// option useless for the UNet.
void apply_settings(const TrainOptions& options, torch::Device device);

/// Lets the allocator of the process keep what is freed. By default glibc gives large blocks back and takes them,
/// zeroed page by page, for the next update again. For programs that train; the memory goes when the process ends.
void keep_freed_memory();

}  // namespace monge::solve

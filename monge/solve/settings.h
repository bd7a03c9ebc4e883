// Settings of LibTorch and of the allocator that hold for the whole process.
#pragma once

#include <torch/types.h>

#include "monge/solve/options.h"

namespace monge::solve {

/// Applies [train]'s options for TF32, cuDNN's search for fast algorithms and determinism. Call it before the first
/// work on a GPU, when cuBLAS reads its workspace setting. On a CPU only determinism has an effect. Kernels without a
/// deterministic implementation (the backward pass of LibTorch's bilinear upsampling on a GPU) warn and run, because an
/// error there would make the option useless for the UNet.
void apply_settings(const TrainOptions& options, torch::Device device);

/// Makes the allocator of the process keep freed memory. By default glibc returns large blocks to the system and takes
/// them again, zeroed page by page, for the next update. Call it in programs that train.
void keep_freed_memory();

/// Ends that and returns freed memory to the system. For programs that do other work after a training.
void release_freed_memory();

/// Lets all threads of the process allocate from one heap. With a heap for each, what one thread allocates and another
/// frees leaves holes in several heaps, and resident memory creeps up though no more is in use (docs/serve.md). Call it
/// before there are threads, in programs that serve.
void share_one_heap();

/// Gives the pages of the heaps that hold nothing back to the system, once.
void return_free_pages();

}  // namespace monge::solve

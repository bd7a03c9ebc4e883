// Sums over the GPUs of a job by NCCL.
#pragma once

#include <torch/types.h>

#include <memory>

#include "monge/dist/process_group.h"

namespace monge::dist {

/// Whether this build has NCCL.
bool has_nccl();

/// Makes one communicator over all ranks, each with its own `device`; all ranks call it together. A group of one rank
/// may have one too. Sums run on a stream of their own, beside the work of the current stream, and CUDA graphs can
/// capture them. `device` becomes the current device.
/// @throws InputError in a build without NCCL, or naming the ranks when two of them use one GPU; SystemError with
///         NCCL's reason.
std::unique_ptr<GpuSums> make_nccl_sums(ProcessGroup& group, torch::Device device);

/// A group of one rank that sums on a GPU through NCCL, as larger groups do. It is meant for checks and timings,
/// because the usual group of one rank sends nothing. On the CPU it is a usual group of one rank.
std::unique_ptr<ProcessGroup> make_nccl_group_of_one(torch::Device device);

}  // namespace monge::dist

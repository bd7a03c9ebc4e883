// Sums over the GPUs of a job by NCCL.
#pragma once

#include <torch/types.h>

#include <memory>

#include "monge/dist/process_group.h"

namespace monge::dist {

/// Whether this build can.
bool has_nccl();

/// One communicator over all ranks, each with its `device`, which all make together. Sums run on a stream of their own,
/// beside what the current stream does, and can be captured in CUDA graphs. In a job of one rank, too. `device` becomes
/// the current one.
/// @throws Error in a build without NCCL, or naming the rank where two ranks share a GPU; SystemError with NCCL's
/// reason.
std::unique_ptr<GpuSums> make_nccl_sums(ProcessGroup& group, torch::Device device);

/// A job of one rank, whose sums on a GPU take the way of larger jobs, through NCCL. For checks and timings; one that a
/// user starts sends nothing.
std::shared_ptr<ProcessGroup> world_of_one(torch::Device device);

}  // namespace monge::dist

// Where a job computes: device, threads and the process group it belongs to.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>

#include "monge/dist/process_group.h"

namespace monge::session {

struct Compute {
  std::string device = "auto";  ///< auto, cpu or cuda; auto takes the recipe's, or CUDA where there is a device
  int64_t threads = 0;          ///< CPU threads of this process; 0: the recipe's, or all usable cores
  dist::ProcessGroup& group = dist::ProcessGroup::single();  ///< outlives the job; by default this process alone
};

/// The device that a job of this rank computes on. In a group each rank of a host takes a GPU of its own.
/// @param recipe_device  train.device, used where compute.device is "auto".
/// @throws InputError when CUDA is asked for and absent, or when a host has more ranks than GPUs.
torch::Device choose_device(const Compute& compute, const std::string& recipe_device = "auto");

/// Sets LibTorch's threads: compute.threads if given, else `recipe_threads`, else all usable cores. Of several ranks on one
/// host each takes its part of the cores that it shares with others, for decoding images as well. All ranks call it.
void set_threads(const Compute& compute, int64_t recipe_threads = 0);

}  // namespace monge::session

// The resources of a job: device, threads and process group.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>

#include "monge/dist/process_group.h"

namespace monge::session {

/// Training uses all members. Loading a model uses `device`. Translation and evaluation compute on the device of their
/// model with the threads that are set (see set_threads), and divide their items among the ranks of `group`.
struct Compute {
  std::string device = "auto";  ///< auto, cpu or cuda; auto takes the recipe's, or CUDA if a device is available
  int64_t threads = 0;          ///< CPU threads of this process; 0: the recipe's, or all usable cores
  dist::ProcessGroup& group = dist::ProcessGroup::single();  ///< must outlive the job; by default this process alone
};

/// The device on which a job of this rank computes. In a job that a launcher started, each rank takes the GPU of its
/// local rank, or the only one that the launcher lets it see, and makes it the current device.
/// @param recipe_device  train.device, used if compute.device is "auto".
/// @throws InputError when CUDA is requested but not available, or when a host has more ranks than GPUs.
torch::Device choose_device(const Compute& compute, const std::string& recipe_device = "auto");

/// Sets LibTorch's threads to compute.threads if given, else to `recipe_threads`, else to all usable cores. Several
/// ranks on one host divide the cores that they share, also for decoding images. All ranks call it together.
void set_threads(const Compute& compute, int64_t recipe_threads = 0);

}  // namespace monge::session

#include "monge/session/compute.h"

#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <sched.h>
#include <torch/cuda.h>

#include <algorithm>

#include "monge/core/cores.h"
#include "monge/core/error.h"
#include "monge/core/user_words.h"

namespace monge::session {
namespace {

/// The number of cores for this rank. Launchers bind a rank to its own cores, to a socket that several ranks share, or
/// not at all. So each core is divided among the ranks of the host that may run on it.
int64_t cores_of_rank(dist::ProcessGroup& group) {
  cpu_set_t own{};
  ::sched_getaffinity(0, sizeof own, &own);
  std::string mask = group.location().host + ' ';
  for (int core = 0; core < CPU_SETSIZE; ++core) mask += CPU_ISSET(core, &own) ? '1' : '0';
  double cores = 0;
  const auto all = group.gather(mask);
  for (size_t i = mask.size() - CPU_SETSIZE; i < mask.size(); ++i) {
    if (mask[i] != '1') continue;
    int64_t sharers = 0;
    for (size_t rank = 0; rank < all.size(); ++rank) {
      sharers += group.location(static_cast<int64_t>(rank)).host == group.location().host &&
                 all[rank].size() == mask.size() && all[rank][i] == '1';
    }
    cores += 1.0 / static_cast<double>(std::max<int64_t>(sharers, 1));
  }
  return std::max<int64_t>(1, static_cast<int64_t>(cores + 1e-9));
}

/// The GPU of a rank. A launcher lets a rank see only its own GPU, or all GPUs of the host.
torch::Device gpu_of_rank(const dist::ProcessGroup& group) {
  const auto visible = static_cast<int64_t>(torch::cuda::device_count());
  const auto& location = group.location();
  if (visible > 1 && location.local_rank >= visible) {
    throw InputError(
        {.what = text("host ", location.host, " has ", location.local_size, " ranks and ", visible, " GPUs"),
         .fix = text("start at most ", visible, " ranks there")});
  }
  const torch::Device device(torch::kCUDA, static_cast<c10::DeviceIndex>(visible > 1 ? location.local_rank : 0));
  // Code that uses the current GPU must not initialise another rank's.
  c10::impl::VirtualGuardImpl(torch::kCUDA).setDevice(device);
  return device;
}

}  // namespace

torch::Device choose_device(const Compute& compute, const std::string& recipe_device) {
  if (compute.device != "auto" && compute.device != "cpu" && compute.device != "cuda") {
    throw InputError({.what = "no such device",
                      .where = user_word("the device of the caller"),
                      .value = '"' + compute.device + '"',
                      .allowed = "auto, cpu, cuda"});
  }
  const bool available = torch::cuda::is_available();
  const auto& wanted = compute.device == "auto" ? recipe_device : compute.device;
  if (wanted == "cuda" && !available) {
    throw InputError({.what = "no CUDA device can be used",
                      .where = user_word("the device of the caller"),
                      .value = "cuda",
                      .fix = "use " + user_word("the device of the caller") +
                             " cpu; monge info prints the devices that this build can use"});
  }
  if (wanted == "cpu" || !available) return torch::kCPU;
  return compute.group.launched() ? gpu_of_rank(compute.group) : torch::Device(torch::kCUDA);
}

void set_threads(const Compute& compute, int64_t recipe_threads) {
  const int64_t wanted = compute.threads > 0 ? compute.threads : recipe_threads;
  set_usable_cores(0);
  if (compute.group.launched()) set_usable_cores(cores_of_rank(compute.group));
  at::set_num_threads(static_cast<int>(wanted > 0 ? wanted : usable_cores()));
}

}  // namespace monge::session

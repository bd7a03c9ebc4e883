// Runs code of a library that may crash on damaged files in a copy of the process.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace monge::io {

enum class TrialEnd {
  done,     ///< `work` returned
  threw,    ///< it threw, or no process could be made; run it here to get its result or its error
  crashed,  ///< the process was ended by a signal, or ended itself
  stuck,    ///< it took more processor time than allowed
};

/// Runs `work` in a child process and waits for it. What it writes to shared memory and to files stays; all else is
/// lost. The child has no other thread than the calling one, so `work` must not start or wait for threads: no operators
/// of LibTorch.
/// @param most_seconds  of processor time; at least 1.
TrialEnd run_in_child(const std::function<void()>& work, int64_t most_seconds);

/// The processor time in seconds that reading a file may take: a minute, and a second for each of its megabytes.
/// Undamaged files take a hundredth of that, and damaged ones may make HDF5 search for hours.
int64_t most_seconds_for(const std::string& file);

/// Whether this is such a child.
bool is_trial_child();

/// @throws InputError, the file is damaged, if the child crashed or was stuck.
void require_survived(TrialEnd end, const std::string& file);

/// Runs `work` in a child process, then here, and gives its result.
/// @throws InputError that names the file if the child crashed or was stuck.
template <class Work>
auto guarded(const std::string& file, const Work& work) {
  if (!is_trial_child()) require_survived(run_in_child([&] { work(); }, most_seconds_for(file)), file);
  return work();
}

/// A tensor of zeros in memory that child processes share.
torch::Tensor shared_zeros(const std::vector<int64_t>& shape, torch::ScalarType type);

}  // namespace monge::io

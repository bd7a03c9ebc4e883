// Runs code of a library that may crash on damaged files, or take too much, in a copy of the process.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "monge/io/child_process.h"

namespace monge::io {

/// Runs `work` in a child process and waits for it. What it writes to shared memory and to files stays; all else is
/// lost. The child has no other thread than the calling one, so `work` must not wait for other threads of this process,
/// nor for locks that they may hold: no operators of LibTorch. Of complaints the first kilobytes are brought.
ChildOutcome run_in_child(const std::function<void()>& work, const ChildLimits& limits);

/// Whether this is such a child.
bool is_trial_child();

/// What reading an HDF5 file may take: a minute, and a second for each of its megabytes; a gigabyte, and 32 times its
/// size. Undamaged files take a hundredth of that time; damaged ones may make HDF5 search for hours, or claim any size.
ChildLimits hdf5_limits(const std::string& file);

/// Runs `work` in a child process.
/// @return false if that cannot be tried.
/// @throws InputError: that of `work`; that HDF5 cannot read the file, if the child crashed or exceeded its limits.
bool tried_in_child(const std::string& file, const std::function<void()>& work);

/// Runs `work` in a child process, then here, and gives its result. @throws InputError as tried_in_child().
template <class Work>
auto guarded(const std::string& file, const Work& work) {
  if (!is_trial_child()) tried_in_child(file, [&] { work(); });
  return work();
}

/// A tensor of zeros in memory that child processes share.
torch::Tensor shared_zeros(const std::vector<int64_t>& shape, torch::ScalarType type);

}  // namespace monge::io

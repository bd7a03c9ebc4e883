// The memory that the control groups (cgroups) of Linux leave to the process.
#pragma once

#include <cstdint>
#include <filesystem>

namespace monge::io {

/// The least memory limit, in bytes, of the control groups of a process and of all groups that hold them; 0 if there is
/// none. Both versions are read: memory.max of version 2, memory.limit_in_bytes of version 1's memory controller. In a
/// container the list may name a group as the host sees it, which is not below `mount`; then the root of `mount` is the
/// container's group.
/// @param list   /proc/self/cgroup, or a file like it.
/// @param mount  where the groups are mounted: /sys/fs/cgroup, with version 1's memory controller in its folder memory.
int64_t control_group_memory(const std::filesystem::path& list = "/proc/self/cgroup",
                             const std::filesystem::path& mount = "/sys/fs/cgroup");

}  // namespace monge::io

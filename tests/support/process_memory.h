// The memory of this process, as Linux counts it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace monge::testing {

/// A size of /proc/self/status in bytes: "VmRSS" is the resident memory, "VmHWM" its peak. 0 if there is none.
inline int64_t process_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::stoll(line.substr(key.size() + 1)) << 10;
  }
  return 0;
}

/// What the processes that this one forked have for themselves, in bytes: pages that they share with it are left out.
inline int64_t children_bytes() {
  int64_t out = 0;
  std::error_code gone;  // threads and processes end while they are counted
  for (std::filesystem::directory_iterator thread("/proc/self/task", gone), end; thread != end;
       thread.increment(gone)) {
    std::ifstream children(thread->path() / "children");
    for (std::string child; children >> child;) {
      std::ifstream sums("/proc/" + child + "/smaps_rollup");
      for (std::string line; std::getline(sums, line);) {
        if (line.starts_with("Private_")) out += std::stoll(line.substr(line.find(':') + 1)) << 10;
      }
    }
  }
  return out;
}

}  // namespace monge::testing

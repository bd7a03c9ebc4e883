// The memory of this process, as Linux counts it.
#pragma once

#include <cstdint>
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

}  // namespace monge::testing

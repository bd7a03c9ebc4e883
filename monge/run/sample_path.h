// The names of the files in RUN/samples.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

namespace monge::run {

/// RUN/samples/step_NNNNNN with this extension (".png").
inline std::filesystem::path sample_path(const std::filesystem::path& run, int64_t iteration,
                                         const std::string& extension) {
  char name[32];
  std::snprintf(name, sizeof name, "step_%06lld", static_cast<long long>(iteration));
  return run / "samples" / (name + extension);
}

}  // namespace monge::run

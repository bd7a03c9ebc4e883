// The names of the folders of checkpoints.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace monge::train {

/// The name of the folder of an iteration's checkpoint: "step_000500".
inline std::string checkpoint_name(int64_t iteration) {
  char name[32];
  std::snprintf(name, sizeof name, "step_%06lld", static_cast<long long>(iteration));
  return name;
}

/// The word before the name of a checkpoint that a return from a divergence has set aside.
inline constexpr const char* kDiverged = "diverged";

/// The name of a checkpoint that was set aside: "damaged_step_000500".
inline std::string aside_name(const std::string& word, const std::string& checkpoint) {
  return word + "_" + checkpoint;
}

}  // namespace monge::train

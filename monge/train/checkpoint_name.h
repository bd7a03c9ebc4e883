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

}  // namespace monge::train

#include "monge/core/figure.h"

#include <algorithm>
#include <array>

namespace monge {

bool is_distance(std::string_view name) {
  if (name.ends_with("_floor") || name.ends_with("_stderr")) return false;
  constexpr std::array<std::string_view, 6> whole = {"target_error", "feature_error", "fid", "kid", "mse", "lpips"};
  return std::find(whole.begin(), whole.end(), name) != whole.end() || name.starts_with("fd_") ||
         name.starts_with("kd_");
}

}  // namespace monge

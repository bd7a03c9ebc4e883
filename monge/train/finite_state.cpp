#include "monge/train/finite_state.h"

#include "monge/core/error.h"

namespace monge::train {

std::string own_tensor_not_finite(const solve::Solver& solver) {
  for (const auto& [name, tensor] : solver.state()) {
    if (tensor.is_floating_point() && !tensor.isfinite().all().item<bool>()) return name;
  }
  return {};
}

std::string tensor_not_finite(const solve::Solver& solver, dist::ProcessGroup& group) {
  return group.broadcast(group.is_root() ? own_tensor_not_finite(solver) : "");
}

std::string not_finite_message(int64_t iteration, const std::string& tensor) {
  return text("the training diverged: after outer iteration ", iteration - 1, " the tensor ", tensor,
              " holds values that are not finite; nothing was saved");
}

}  // namespace monge::train

// Whether the state of a training is finite: what is not must not become a checkpoint.
#pragma once

#include <cstdint>
#include <string>

#include "monge/dist/process_group.h"
#include "monge/solve/solver.h"

namespace monge::train {

/// The name of a tensor of this rank's state that is not finite; empty if there is none. A moment of an optimiser may
/// be so while losses and gradients are finite.
std::string own_tensor_not_finite(const solve::Solver& solver);

/// The same of the root's state, on all ranks, which call it together.
std::string tensor_not_finite(const solve::Solver& solver, dist::ProcessGroup& group);

/// The message of the error. @param iteration  outer iterations done.
std::string not_finite_message(int64_t iteration, const std::string& tensor);

}  // namespace monge::train

// Broadcasts values that only the root of a process group has read, apart from the state of the solver.
#pragma once

#include <optional>
#include <string>

#include "monge/data/standardise.h"
#include "monge/dist/process_group.h"
#include "monge/train/checkpoint.h"

namespace monge::train {

/// All ranks call it together. @return the root's value; the arguments of the other ranks are ignored.
std::optional<data::Standardisation> broadcast_from_root(dist::ProcessGroup& group,
                                                         const std::optional<data::Standardisation>& standardisation);

/// All ranks call it together. @param checkpoint  set on the root.
/// @return the root's checkpoint; on other ranks without the solver's tensors, which Trainer::resume broadcasts, and
///         without the fingerprints of the data, which the root alone compares.
Checkpoint broadcast_from_root(dist::ProcessGroup& group, std::optional<Checkpoint> checkpoint);

/// A line for the user that says which parts of a run remain exactly the same, and which do not, when `now` ranks
/// resume a run that `before` ranks saved. Empty when the two numbers are equal.
/// @param batch_norm_by_rank  whether the map has batch norms whose statistics each rank computes by itself.
std::string rank_change_message(int64_t before, int64_t now, bool batch_norm_by_rank);

}  // namespace monge::train

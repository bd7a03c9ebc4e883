// What rank 0 of a job tells the others beside the state of the solver.
#pragma once

#include <optional>

#include "monge/data/standardise.h"
#include "monge/dist/process_group.h"
#include "monge/model/model.h"
#include "monge/train/checkpoint.h"

namespace monge::train {

/// Rank 0's on all ranks; what the others give does not count. All call it together.
std::optional<data::Standardisation> broadcast_from_root(dist::ProcessGroup& group,
                                                         const std::optional<data::Standardisation>& standardisation);

/// Rank 0's, but for the tensors of the solver, which only rank 0 has: Trainer::resume gives them to all.
Checkpoint broadcast_from_root(dist::ProcessGroup& group, std::optional<Checkpoint> checkpoint);

/// Rank 0's weights, iteration and standardisation on all, each of which has loaded the same path: a training may have
/// saved a checkpoint meanwhile. @throws CommonError when the recipes differ, Error when the nets are of other shapes.
void broadcast_from_root(dist::ProcessGroup& group, model::Model& model);

/// What a run that `before` ranks saved keeps exactly when `now` ranks go on with it, and what not: a line for the
/// user, empty where all stays. @param batch_norm_by_rank  the map has batch norms with statistics by rank.
std::string what_stays_exact(int64_t before, int64_t now, bool batch_norm_by_rank);

}  // namespace monge::train

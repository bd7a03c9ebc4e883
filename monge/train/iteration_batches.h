// The batches of one outer iteration, read before its first update.
#pragma once

#include <cstdint>
#include <exception>

#include "monge/dist/process_group.h"
#include "monge/ot/method.h"
#include "monge/solve/options.h"
#include "monge/solve/solver.h"

namespace monge::train {

/// The numbers of the batches that an outer iteration takes of each side, see solve::BatchProvider.
struct IterationSteps {
  int64_t source_begin = 0, source_count = 0, target_begin = 0, target_count = 0;
};

IterationSteps steps_of_iteration(int64_t iteration, const solve::SolverOptions& options, const ot::Method& method);

/// Batches that have been read, or why one of them could not be.
struct ReadBatches {
  solve::BatchProvider batches;  ///< gives the steps that were read, and no others
  std::exception_ptr failure;    ///< null if all were read
};

/// Reads all batches of an iteration. The nets must not be updated by a part of an iteration, so a training reads them
/// before the first update. It costs the memory of the batches, which are small beside the activations of the nets.
ReadBatches read_batches(const solve::BatchProvider& from, const IterationSteps& steps);

/// All ranks call it together and learn whether each has its batches, or other samples that it reads.
/// @param failure  this rank's; null if it has none.
/// @return false if no rank has a failure. Else true: the caller saves what it has, and then calls throw_read_failure.
bool any_rank_failed(const std::exception_ptr& failure, dist::ProcessGroup& group);

/// Ends the work after samples that could not be read on any rank; all ranks call it together.
/// @throws a single rank's failure itself; in a job dist::CommonError on all ranks, naming the ranks whose samples
///         could not be read, or SystemError if one of the failures was not of the input.
[[noreturn]] void throw_read_failure(const std::exception_ptr& failure, dist::ProcessGroup& group);

}  // namespace monge::train

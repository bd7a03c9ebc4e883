// The interface by which reports, metrics and images follow a training, so that the training includes none of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "monge/solve/solver.h"

namespace monge::train {

class Trainer;

/// The trainer calls its observers on its own thread, in the order in which they were attached. An exception from an
/// observer ends the run.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Called before the first iteration of this process. An observer may make an evaluation that is due, so that others
  /// that are attached behind it hear of a checkpoint first.
  /// @param iteration  outer iterations done before (a resumed run).
  virtual void started(Trainer& /*trainer*/, int64_t /*iteration*/) {}

  /// Whether iteration_done(done) reads the nets, the optimisers or a saved state, and not only its metrics. If no
  /// observer does, a GPU reports the metrics late, after the next iteration has been launched. With several ranks the
  /// recipe's intervals decide instead, because all ranks must do the same.
  virtual bool needs_nets(const Trainer& /*trainer*/, int64_t /*done*/) const { return true; }

  /// Called after an outer iteration; `done` counts from 1. It must not draw from the training's random streams.
  virtual void iteration_done(Trainer& /*trainer*/, int64_t /*done*/, const solve::IterationMetrics& /*metrics*/) {}

  /// Called when the training has diverged and returned to the state after Trainer::done() iterations, whose successors
  /// will be repeated. @param message  what happened, as a sentence.
  virtual void rolled_back(Trainer& /*trainer*/, const std::string& /*message*/) {}

  /// Called before a checkpoint is saved, however that came about: what belongs to its iterations must be on the disk
  /// before it is. It must not throw.
  virtual void saves_checkpoint(Trainer& /*trainer*/) {}

  /// Called after a checkpoint has been saved in `folder`.
  virtual void checkpoint_saved(Trainer& /*trainer*/, const std::filesystem::path& /*folder*/) {}

  /// Called after the last iteration of this process, when its state has been saved. What it changes in the trainer (an
  /// evaluation that is due no more, the best checkpoint) is saved after it.
  virtual void ended(Trainer& /*trainer*/, int64_t /*done*/, bool /*complete*/) {}
};

}  // namespace monge::train

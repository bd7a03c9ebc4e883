// How the outside follows a training: reports, metrics and images attach here, so that training includes none of them.
#pragma once

#include <cstdint>
#include <filesystem>

#include "monge/solve/solver.h"

namespace monge::train {

class Trainer;

/// Called by the trainer, in the order of attachment, on its thread. What it throws ends the run.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Before the first iteration of this process; `iteration` outer iterations were done before (a resumed run).
  virtual void started(Trainer& /*trainer*/, int64_t /*iteration*/) {}

  /// Whether iteration_done(done) needs more than its metrics: nets, optimisers or a saved state. When no observer
  /// does, a GPU reports the metrics late, after the next iteration has been launched. With several ranks the recipe's
  /// intervals decide instead, because all ranks must do the same.
  virtual bool looks_at_nets(const Trainer& /*trainer*/, int64_t /*done*/) const { return true; }

  /// After an outer iteration; `done` counts from 1. Draws nothing from the training's random streams.
  virtual void iteration_done(Trainer& /*trainer*/, int64_t /*done*/, const solve::IterationMetrics& /*figures*/) {}

  virtual void checkpoint_saved(Trainer& /*trainer*/, const std::filesystem::path& /*folder*/) {}

  /// After the last iteration of this process, when the last checkpoint is saved.
  virtual void ended(Trainer& /*trainer*/, int64_t /*done*/, bool /*complete*/) {}
};

}  // namespace monge::train

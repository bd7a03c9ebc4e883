// Runs a trainer to its end and writes the results. Internal to the session.
#pragma once

#include "monge/eval/image_evaluator.h"
#include "monge/session/training.h"
#include "monge/train/trainer.h"

namespace monge::session {

/// Attaches the observers of this rank, trains, and returns the result. If the trainer has a folder, it also writes
/// metrics, images, report.html and summary.json there. All ranks of the trainer's group call it.
/// @param evaluator  of images; may be null.
/// @param log        receives messages about the run; log.txt of the run directory if there is one.
/// @throws what the trainer and its observers throw; the report is written first.
TrainResult run_training(train::Trainer& trainer, eval::ImageEvaluator* evaluator, const TrainHooks& hooks,
                         const LogSink& log);

}  // namespace monge::session

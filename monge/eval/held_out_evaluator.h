// Evaluations during a training: they choose the best checkpoint and end a training that does not improve any more.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "monge/eval/evaluation.h"
#include "monge/train/observer.h"

namespace monge::eval {

/// Evaluates the averaged map on held-out data every eval.every iterations and at the end of a complete run.
///
/// It hands each evaluation to `report`, and offers the metric of eval.best to the trainer, which keeps the best
/// checkpoint by it. While the noise of a smoothed source still falls, no checkpoint is the best one: more noise makes
/// the target easier and the map worse. A metric that cannot be measured is never the best one; the log is warned why,
/// once for each reason. After eval.patience evaluations without a new best one it ends the training.
class HeldOutEvaluator : public train::Observer {
 public:
  using Report = std::function<void(int64_t iteration, const Evaluation& evaluation)>;
  /// @param judge  of images; may be null, and must outlive this.
  explicit HeldOutEvaluator(Report report, ImageEvaluator* judge = nullptr)
      : report_(std::move(report)), judge_(judge) {}

  /// Evaluates a few samples, so that data that do not fit, and an eval.best that there is not, are found before the
  /// training and not in its midst. @throws InputError.
  void try_out(train::Trainer& trainer) const;

  void started(train::Trainer& trainer, int64_t iteration) override;
  bool looks_at_nets(const train::Trainer& trainer, int64_t done) const override;
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& figures) override;
  void ended(train::Trainer& trainer, int64_t done, bool complete) override;

 private:
  void measure(train::Trainer& trainer, int64_t done);
  void end_if_patience_is_out(train::Trainer& trainer) const;

  Report report_;
  ImageEvaluator* judge_;
  int64_t began_at_ = 0, measured_at_ = -1;
  std::string warned_of_;  ///< Evaluation::unmeasurable as the log was last told
};

}  // namespace monge::eval

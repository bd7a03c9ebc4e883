// Evaluations during training. They choose the best checkpoint and end a training that no longer improves.
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
/// It passes each evaluation to `report` and offers the metric of eval.best to the trainer, which keeps the best
/// checkpoint by it. While the noise of a smoothed source still falls, no checkpoint becomes the best: more noise makes
/// the target easier and the map worse. The same holds while the alpha of an unbalanced problem rises. A metric that
/// cannot be measured never makes a checkpoint the best; the log gets one warning for each reason. After eval.patience
/// evaluations without a new best checkpoint the training ends.
///
/// A training that is to stop ends within an evaluation, and makes it first when it is resumed. So does one that was
/// killed in the evaluation after its last iteration.
class HeldOutEvaluator : public train::Observer {
 public:
  using Report = std::function<void(int64_t iteration, const Evaluation& evaluation)>;
  /// @param image_evaluator  may be null; must outlive this object.
  explicit HeldOutEvaluator(Report report, ImageEvaluator* image_evaluator = nullptr)
      : report_(std::move(report)), image_evaluator_(image_evaluator) {}

  /// Evaluates a few samples, so that unfit data and an unknown eval.best are found before the training and not during
  /// it. @throws InputError.
  void try_out(train::Trainer& trainer) const;

  void started(train::Trainer& trainer, int64_t iteration) override;
  bool needs_nets(const train::Trainer& trainer, int64_t done) const override;
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& metrics) override;
  void ended(train::Trainer& trainer, int64_t done, bool complete) override;

 private:
  void measure(train::Trainer& trainer, int64_t done);
  void note(train::Trainer& trainer, int64_t done, Evaluation result);
  void end_if_patience_is_out(train::Trainer& trainer) const;

  Report report_;
  ImageEvaluator* image_evaluator_;
  int64_t began_at_ = 0, measured_at_ = -1;
  std::string warned_of_;  ///< the last Evaluation::unmeasurable that was logged
};

}  // namespace monge::eval

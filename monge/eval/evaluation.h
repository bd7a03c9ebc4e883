// The figures of a map: does it reach its target, and what does it cost.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monge/data/source.h"
#include "monge/dist/process_group.h"
#include "monge/eval/image_evaluator.h"
#include "monge/eval/push_forward_error.h"
#include "monge/eval/target_verdict.h"
#include "monge/model/model.h"
#include "monge/train/observer.h"

namespace monge::eval {

/// All figures are of `samples` inputs. NaN where a figure does not apply or cannot be measured.
struct Evaluation {
  int64_t samples = 0;
  double target_error = 0;  ///< energy distance between outputs and target samples
  double target_floor = 0;  ///< the same between two sets of target samples: what a perfect map would get
  double target_start = 0;  ///< the same between inputs and target samples: what a map that does nothing would get
  double feature_error = 0, feature_floor = 0, feature_start = 0;  ///< the same of random_features; images only
  double cost = 0;       ///< mean tau ||x - T(x)||^2 over inputs and draws (recipe's tau; 1/D for bare checkpoints)
  double mse = 0;        ///< mean (x - T(x))^2 per entry: how far the map moves, whatever cost.scale is
  double psnr = 0;       ///< 10 log10(4 / mse), dB; images in [-1,1] only
  double diversity = 0;  ///< mean RMS difference per entry between two draws of one input; stochastic maps only
  double colourfulness_output = 0, colourfulness_target = 0;  ///< Hasler-Suesstrunk of 0..255; images only
  int64_t target_samples = 0;                                 ///< that the outputs are compared with
  std::string judge_warning = {};                             ///< when those are too few for the judge's figures
  /// Columns that float32 cannot hold, on either side: the metrics are of rounded values, and no verdict follows from
  /// them.
  std::vector<std::string> lost_columns = {};
  NamedFigures judged = {};  ///< by trained networks, see ImageEvaluator; images, where there is a judge
  /// Figures that apply and cannot be measured, because samples are not finite or a distance overflows; NaN.
  std::vector<std::string> unmeasured = {};
  /// Why no verdict follows: which samples cannot be measured (see unmeasurable.h), and where to look. Empty where all
  /// can.
  std::string unmeasurable = {};

  /// What the judgement of reach.h goes by: features for images, the samples themselves for vectors.
  PushForwardError decisive() const;

  /// The judgement of reach.h, and in words; unknown where samples cannot be measured or columns are lost.
  TargetVerdict target_verdict() const;
  std::string verdict() const;

  /// Key and value, as metrics.jsonl and --json name them; those that do not apply left out, those that cannot be
  /// measured NaN.
  NamedFigures named() const;
};

/// The map is judged as it is used: outputs are clamped to [-1, 1] (images) or to output.range (vectors).
/// @param source    inputs.
/// @param target    what the outputs are compared with, and one side of the floor.
/// @param target_b  the other side of the floor: target samples independent of `target` (the training part). May be
/// `target`
///                  itself: then two disjoint halves are compared. With fewer than 4 target samples there is no floor.
/// @param samples   drawn from each; finite sources smaller than that are used whole.
/// @param seed      of draws and noises.
/// @param judge     of images by trained networks; may be null.
/// @param group     of a job, whose ranks all call this: each maps a part of the inputs and finds the features of a
/// part of the
///                  samples and a part of the distances; all have rank 0's figures then. Null: none.
Evaluation evaluate(const model::Model& model, const data::Source& source, const data::Source& target,
                    const data::Source& target_b, int64_t samples, uint64_t seed, ImageEvaluator* judge = nullptr,
                    dist::ProcessGroup* group = nullptr);

/// The judge that [eval] asks for; null where it asks for none. @throws Error  naming what is missing and how to get
/// it.
std::unique_ptr<ImageEvaluator> make_image_evaluator(const train::Recipe& recipe, torch::Device device);

/// Evaluates the averaged map on held-out data every eval.every iterations and at the end of a complete run, hands the
/// figures to `report` and offers that of eval.best to the trainer as the figure of the best checkpoint; while a
/// smoothed source's noise still falls there is no best one, because more noise makes the target easier and the map
/// worse. A figure that cannot be measured is never the best one; the log is warned why, once for each reason. After
/// eval.patience evaluations without a new best one it ends the training.
class HeldOutEvaluator : public train::Observer {
 public:
  using Report = std::function<void(int64_t iteration, const Evaluation& evaluation)>;
  /// @param judge  of images; may be null, and must outlive this.
  explicit HeldOutEvaluator(Report report, ImageEvaluator* judge = nullptr)
      : report_(std::move(report)), judge_(judge) {}

  /// Evaluates a few samples, so that data that do not fit, and an eval.best that there is not, are found before the
  /// training and not in its midst. @throws Error.
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

// The evaluation of a map: whether it reaches its target, and at which cost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/named_metrics.h"
#include "monge/data/lost_columns.h"
#include "monge/data/source.h"
#include "monge/dist/process_group.h"
#include "monge/eval/evaluation_progress.h"
#include "monge/eval/image_evaluator.h"
#include "monge/eval/push_forward_error.h"
#include "monge/eval/target_verdict.h"
#include "monge/model/model.h"

namespace monge::eval {

/// A table of metrics (see metrics.h) with what the verdict on the map needs besides.
struct Evaluation {
  int64_t samples = 0;         ///< the number of inputs
  int64_t target_samples = 0;  ///< the number of target samples that the outputs are compared with
  /// The metrics of the registry that apply, in its order. NaN for one that cannot be measured, because samples are not
  /// finite or a distance overflows.
  NamedMetrics metrics = {};
  NamedMetrics image_metrics = {};  ///< by trained networks, see ImageEvaluator; empty without an evaluator
  std::string image_warning = {};   ///< set if there are too few samples for `image_metrics`
  /// Columns of either side that float32 cannot hold. The metrics are then of rounded values and give no verdict.
  std::vector<std::string> lost_columns = {};
  /// Why there is no verdict: which samples cannot be measured (see unmeasurable.h), and where to look; or empty.
  std::string unmeasurable = {};

  /// The metric of this name; NaN if it does not apply or cannot be measured.
  double value(std::string_view name) const;

  /// The distances that decide the verdict: those of features for images, those of the samples themselves for vectors.
  PushForwardError decisive() const;

  /// See verdict_of(); unknown if samples cannot be measured or columns are lost.
  TargetVerdict target_verdict() const;
  /// The verdict in words, to follow "the map ".
  std::string verdict() const;

  /// Key and value, as metrics.jsonl, summary.json and --json name them: `metrics`, then those `image_metrics` that
  /// are numbers.
  NamedMetrics named() const;
};

/// Evaluates a map as it is used: outputs are clamped to [-1, 1] (images) or to output.range (vectors). For an
/// unbalanced problem the samples of both sides are drawn again by their weights, so that all metrics are those of the
/// plan's marginals (see weighted_samples.h).
/// @param source    inputs.
/// @param target    samples that the outputs are compared with; one side of the floor.
/// @param target_b  the other side of the floor: target samples independent of `target` (the training part). It may be
///                  `target` itself; then two disjoint halves are compared. With fewer than 4 target samples there is
///                  no floor.
/// @param samples   how many are drawn from each source; smaller finite sources are used whole.
/// @param seed      seed of the choice of samples and of the noises.
/// @param image_evaluator  adds the metrics of trained networks for images; may be null.
/// @param group     all ranks of a job call this. Each rank maps a part of the inputs and computes the features of a
///                  part of the samples and a part of the distances; afterwards all have the metrics of the root.
/// @param progress  where the evaluation can be stopped.
/// @throws InputError for an image evaluator with vectors, for the inverse() of an unbalanced model, and whatever the
///         sources and the map throw. An error in a metric keeps its type, and its message names the metric; an
///         exception that is neither monge's nor LibTorch's becomes a SystemError. EvaluationStopped through
///         `progress`. On several ranks dist::CommonError, on all of them, when one cannot read its samples.
Evaluation evaluate(const model::Model& model, const data::Source& source, const data::Source& target,
                    const data::Source& target_b, int64_t samples, uint64_t seed,
                    ImageEvaluator* image_evaluator = nullptr, dist::ProcessGroup& group = dist::ProcessGroup::single(),
                    EvaluationProgress progress = {});

/// The image evaluator that the section [eval] of a recipe configures; null if it configures none.
/// @throws InputError naming what is missing and how to get it.
std::unique_ptr<ImageEvaluator> make_image_evaluator(const train::Recipe& recipe, torch::Device device);

/// The lost columns of both sides as Evaluation::lost_columns has them: "the source's columns "time"".
std::vector<std::string> lost_column_labels(const data::LostColumns& lost, const data::Source& source,
                                            const data::Source& target);

}  // namespace monge::eval

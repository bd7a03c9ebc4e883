// The evaluation of a map: does it reach its target, and what does it cost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/figure.h"
#include "monge/data/lost_columns.h"
#include "monge/data/source.h"
#include "monge/dist/process_group.h"
#include "monge/eval/image_evaluator.h"
#include "monge/eval/push_forward_error.h"
#include "monge/eval/target_verdict.h"
#include "monge/model/model.h"

namespace monge::eval {

/// A table of metrics, see metrics.h, and what is needed to judge by them.
struct Evaluation {
  int64_t samples = 0;         ///< inputs that all metrics are of
  int64_t target_samples = 0;  ///< that the outputs are compared with
  /// The metrics of the registry that apply, in its order. NaN where one cannot be measured, because samples are not
  /// finite or a distance overflows.
  NamedFigures metrics = {};
  NamedFigures judged = {};        ///< by trained networks, see ImageEvaluator; images, where there is an evaluator
  std::string judge_warning = {};  ///< when there are too few samples for the metrics in `judged`
  /// Columns that float32 cannot hold, on either side: the metrics are of rounded values, and no verdict follows from
  /// them.
  std::vector<std::string> lost_columns = {};
  /// Why no verdict follows: which samples cannot be measured (see unmeasurable.h), and where to look. Empty where all
  /// can.
  std::string unmeasurable = {};

  /// The metric of this name; NaN where it does not apply or cannot be measured.
  double value(std::string_view name) const;

  /// What the verdict goes by: feature distances for images, distances of the samples themselves for vectors.
  PushForwardError decisive() const;

  /// See judge(); unknown where samples cannot be measured or columns are lost.
  TargetVerdict target_verdict() const;
  /// The verdict in words, behind "the map ".
  std::string verdict() const;

  /// Key and value, as metrics.jsonl, summary.json and --json name them: `metrics`, then the values of `judged` that
  /// are numbers.
  NamedFigures named() const;
};

/// Evaluates a map as it is used: outputs are clamped to [-1, 1] (images) or to output.range (vectors).
/// @param source    inputs.
/// @param target    what the outputs are compared with, and one side of the floor.
/// @param target_b  the other side of the floor: target samples independent of `target` (the training part). May be
///                  `target` itself: then two disjoint halves are compared. With fewer than 4 target samples there is
///                  no floor.
/// @param samples   drawn from each; finite sources smaller than that are used whole.
/// @param seed      of the choice of samples and of noises.
/// @param judge     of images by trained networks; may be null.
/// @param group     of a job, whose ranks all call this. Each rank maps a part of the inputs, and computes the features
///                  of a part of the samples and a part of the distances; all have the metrics of rank 0 then.
/// @throws InputError for a judge of vectors, and whatever the sources and the map throw.
Evaluation evaluate(const model::Model& model, const data::Source& source, const data::Source& target,
                    const data::Source& target_b, int64_t samples, uint64_t seed, ImageEvaluator* judge = nullptr,
                    dist::ProcessGroup& group = dist::ProcessGroup::single());

/// The evaluator of images that the section [eval] of a recipe asks for; null where it asks for none.
/// @throws InputError naming what is missing and how to get it.
std::unique_ptr<ImageEvaluator> make_image_evaluator(const train::Recipe& recipe, torch::Device device);

/// The lost columns of both sides as Evaluation::lost_columns has them: "the source's columns "time"".
std::vector<std::string> lost_column_labels(const data::LostColumns& lost, const data::Source& source,
                                            const data::Source& target);

}  // namespace monge::eval

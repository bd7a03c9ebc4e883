// The metrics of a map. Each is one row, which says what the metric is, when it applies and how it is computed.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monge/dist/process_group.h"
#include "monge/eval/evaluation_progress.h"
#include "monge/eval/push_forward_error.h"
#include "monge/eval/texture.h"
#include "monge/eval/weighted_samples.h"
#include "monge/model/model.h"

namespace monge::eval {

/// The samples of an evaluation, and the quantities that several metrics share; each is computed once.
///
/// The ranks of a job hold the same samples. They compute the same metrics in the same order, because a metric may
/// communicate through the group.
class MetricContext {
 public:
  /// @param input     [B, ...item], inputs x: images [C, H, W] in [-1, 1] or vectors [D].
  /// @param output    [B, samples_per_input, ...item], T(x, z) as the map is used: images are clamped to [-1, 1].
  /// @param target    [M, ...item], target samples that the outputs are compared with.
  /// @param target_b  [K, ...item], other target samples, for the floors; undefined if there are none.
  /// @param weight_statistics  of the samples' weights, for unbalanced problems; else unset.
  /// @param model     the map; it and the group must outlive the context.
  /// @param between_blocks  may be empty.
  MetricContext(const model::Model& model, torch::Tensor input, torch::Tensor output, torch::Tensor target,
                torch::Tensor target_b, dist::ProcessGroup& group,
                std::optional<WeightStatistics> weight_statistics = {}, BetweenBlocks between_blocks = {});

  const model::Model& model() const { return model_; }
  const torch::Tensor& input() const { return input_; }
  const torch::Tensor& output() const { return output_; }
  const torch::Tensor& target() const { return target_; }
  const torch::Tensor& target_b() const { return target_b_; }
  dist::ProcessGroup& group() const { return group_; }
  const std::optional<WeightStatistics>& weight_statistics() const { return weight_statistics_; }
  const BetweenBlocks& between_blocks() const { return between_blocks_; }

  /// The first output of each input, [B, ...item].
  torch::Tensor first_output() const { return output_.select(1, 0); }
  int64_t samples_per_input() const { return output_.size(1); }
  int64_t dim() const { return input_[0].numel(); }  ///< entries of one item
  bool has_images() const { return input_.dim() == 4; }

  /// Energy distances of the samples themselves; the floor is NaN without `target_b`.
  const PushForwardError& distance();
  /// The same distances of random_features. Only for images of at least 8 x 8 pixels.
  const PushForwardError& feature_distance();
  /// Energy distances of the inverse map's outputs for the target samples from the inputs; the floor is that between
  /// two halves of the inputs. Only for a map with an inverse.
  const PushForwardError& inverse_distance();
  /// Mean (S(T(x)) - x)^2 per entry, S the inverse map, relative to the variance of the inputs per entry.
  double cycle_error();
  /// mean (x - T(x, z))^2 over inputs, samples_per_input and entries.
  double mean_squared_move();
  /// Of the first outputs and the target samples. Only for images.
  const Texture& texture();

 private:
  torch::Tensor mapped_back(const torch::Tensor& y, const char* stream) const;
  template <class View>
  PushForwardError compare(const View& view) const;

  const model::Model& model_;
  torch::Tensor input_, output_, target_, target_b_;
  dist::ProcessGroup& group_;
  std::optional<WeightStatistics> weight_statistics_;
  BetweenBlocks between_blocks_;
  std::optional<PushForwardError> distance_, feature_distance_, inverse_distance_;
  std::optional<double> move_;
  std::optional<Texture> texture_;
};

/// A condition under which a metric applies.
enum class Need {
  images,            ///< items are [C, H, W]
  vectors,           ///< items are [D]
  colour,            ///< images of three channels
  colour_target,     ///< of these, target samples that are not all grey, see are_grey
  grey_inputs,       ///< of these, inputs that are all grey
  white_background,  ///< of these, an input with a white background, see any_white_background
  features,          ///< images large enough for random_features
  several_outputs,   ///< a stochastic map, with several outputs per input
  inverse,           ///< a map that was trained with its inverse
  sample_weights,    ///< an unbalanced problem, whose samples have weights
  target_samples     ///< a second set of target samples, see MetricContext::target_b
};

/// The samples that a metric is a function of. If they cannot be measured (see unmeasurable.h), neither can the metric.
enum class Samples { inputs, outputs, target, target_b };

/// One row.
struct Metric {
  std::string name;  ///< the key in metrics.jsonl, summary.json and --json: "target_error"
  /// The beginning of its line in a table for people, at most 14 characters. If only the label is empty,
  /// the value continues the line of the row before; if label and note are empty, the table omits the metric.
  std::string label = {};
  std::string note = {};     ///< follows the value in that table: " dB", "   what it means"
  int digits = 5;            ///< significant digits in that table
  bool is_distance = false;  ///< smaller is better, and eval.best may name it
  std::vector<Need> needs = {};
  std::vector<Samples> of = {};
  /// Computes the value; one that is not finite counts as not measured. Null for the metrics of ImageEvaluator, which
  /// computes its values itself, and whose names may hold one '*' for the name of a net.
  std::function<double(MetricContext&)> compute = {};
  /// A value above this is bad whatever the data are; `warning` then follows it in the table: " (grain)".
  double warn_above = std::numeric_limits<double>::infinity();
  std::string warning = {};

  bool applies_to(const MetricContext& context) const;
  bool is_of(Samples samples) const;
  /// `warning` if the value is above `warn_above`, else "".
  std::string warning_for(double value) const;
  /// Whether it applies to images and vectors and to every map.
  bool is_general() const;
};

/// The registry of metrics. Its order is that in which metrics are computed, written and shown.
class Metrics {
 public:
  /// Appends a metric of a program or test outside the library. Not thread-safe: add before the first evaluation.
  /// @throws InputError for a name that is taken or empty, or a row without `compute`.
  void add(Metric metric);

  const std::vector<Metric>& rows() const { return rows_; }

  /// The first row that fits the name; null if there is none.
  const Metric* find(std::string_view name) const;

 private:
  friend Metrics& metrics();
  explicit Metrics(std::vector<Metric> rows) : rows_(std::move(rows)) {}

  std::vector<Metric> rows_;
};

/// The registry of the process.
Metrics& metrics();

/// Whether the name is that of a distance, for which smaller is better: target_error, feature_error, fid, kid, fd_NAME
/// and kd_NAME from the target; mse and lpips from the input; and added ones. Floors and standard errors are
/// not.
bool is_distance(std::string_view name);

}  // namespace monge::eval

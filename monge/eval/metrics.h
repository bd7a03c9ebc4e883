// The metrics of a map: one row each, which says what it is, when it applies and how it is computed.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monge/dist/process_group.h"
#include "monge/eval/push_forward_error.h"
#include "monge/model/model.h"

namespace monge::eval {

/// The samples of an evaluation, and the quantities that several metrics share; each of those is computed once.
///
/// The ranks of a job hold the same samples. They compute the same metrics in the same order, because a metric may use
/// the group.
class MetricContext {
 public:
  /// @param input     [B, ...item], inputs x: images [C, H, W] in [-1, 1] or vectors [D].
  /// @param output    [B, draws, ...item], T(x, z) as it is used: images are clamped to [-1, 1].
  /// @param target    [M, ...item], target samples that the outputs are compared with.
  /// @param target_b  [K, ...item], other target samples, for the floors; undefined: there are none.
  /// @param model     the map; must outlive the context, as the group must.
  MetricContext(const model::Model& model, torch::Tensor input, torch::Tensor output, torch::Tensor target,
                torch::Tensor target_b, dist::ProcessGroup& group);

  const model::Model& model() const { return model_; }
  const torch::Tensor& input() const { return input_; }
  const torch::Tensor& output() const { return output_; }
  const torch::Tensor& target() const { return target_; }
  const torch::Tensor& target_b() const { return target_b_; }
  dist::ProcessGroup& group() const { return group_; }

  /// The first draw of each input, [B, ...item].
  torch::Tensor first_output() const { return output_.select(1, 0); }
  int64_t draws() const { return output_.size(1); }
  int64_t dim() const { return input_[0].numel(); }  ///< entries of one item
  bool has_images() const { return input_.dim() == 4; }

  /// Energy distances of the samples themselves; the floor is NaN without `target_b`.
  const PushForwardError& distance();
  /// The same of random_features. Images of at least 8 x 8 pixels only.
  const PushForwardError& feature_distance();
  /// mean (x - T(x, z))^2 over inputs, draws and entries.
  double mean_squared_move();

 private:
  template <class View>
  PushForwardError compare(const View& view) const;

  const model::Model& model_;
  torch::Tensor input_, output_, target_, target_b_;
  dist::ProcessGroup& group_;
  std::optional<PushForwardError> distance_, feature_distance_;
  std::optional<double> move_;
};

/// What must be there for a metric to apply.
enum class Need {
  images,         ///< items are [C, H, W]
  vectors,        ///< items are [D]
  colour,         ///< images of three channels
  features,       ///< images large enough for random_features
  draws,          ///< a stochastic map, of which there are two draws of each input
  target_samples  ///< a second set of target samples, see MetricContext::target_b
};

/// The samples that a metric is a function of. Where these cannot be measured (see unmeasurable.h), neither can the
/// metric.
enum class Samples { inputs, outputs, target, target_b };

/// One row.
struct Metric {
  std::string name;  ///< the key in metrics.jsonl, summary.json and --json: "target_error"
  /// In a table for people: the beginning of its line, at most 14 characters. Empty with a note: the value continues
  /// the line of the row before. Both empty: the table leaves the metric out.
  std::string label = {};
  std::string note = {};     ///< in that table, right behind the value: " dB", "   what it means"
  int digits = 5;            ///< in that table
  bool is_distance = false;  ///< smaller is better; then eval.best may name it
  std::vector<Need> needs = {};
  std::vector<Samples> of = {};
  /// The value; one that is not finite counts as not measured. Null for the metrics of ImageEvaluator, which gives its
  /// values itself, and whose names may have one '*' for the name of a net.
  std::function<double(MetricContext&)> compute = {};

  bool applies_to(const MetricContext& context) const;
  bool is_of(Samples samples) const;
  /// Whether it applies to images and vectors and to every map.
  bool is_general() const;
};

/// The rows, in the order in which metrics are computed, written and shown.
class Metrics {
 public:
  /// Adds a metric of a program or test outside the library, behind the others. Not thread-safe: add before the first
  /// evaluation. @throws InputError for a name that is taken or empty, or a row without `compute`.
  void add(Metric metric);

  const std::vector<Metric>& rows() const { return rows_; }

  /// The row of a name; null where there is none.
  const Metric* find(std::string_view name) const;

 private:
  friend Metrics& metrics();
  explicit Metrics(std::vector<Metric> rows) : rows_(std::move(rows)) {}

  std::vector<Metric> rows_;
};

/// The registry.
Metrics& metrics();

/// Whether the name is that of a distance, smaller is better: target_error, feature_error, fid, kid, fd_NAME, kd_NAME
/// from the target; mse, lpips from the input; and those that were added. Not the floors and standard errors.
bool is_distance(std::string_view name);

}  // namespace monge::eval

#include "monge/eval/evaluation.h"

#include <c10/util/Exception.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <functional>
#include <limits>
#include <new>
#include <tuple>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/random.h"
#include "monge/data/column_names.h"
#include "monge/eval/metrics.h"
#include "monge/eval/unmeasurable.h"
#include "monge/train/iteration_batches.h"

namespace monge::eval {
namespace {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kImagesAtOnce = 64;  // through the map; bounds the memory of an evaluation

/// The sources and streams of an evaluation.
struct Sides {
  const data::Source &source, &target, &target_b;
  int64_t samples;
  const RandomStreams& streams;

  /// Whether one set serves as both sides of the floor.
  bool one_target() const { return &target == &target_b; }

  /// The indices of the samples that `some_items` chose from `from` with this stream; none for an endless source.
  std::vector<int64_t> chosen(const data::Source& from, const char* stream) const {
    return from.endless() ? std::vector<int64_t>() : data::some_indices(from.size(), samples, streams.at(stream, 0));
  }
};

/// The samples that data::some_items gives. Images that are decoded are read in parts.
torch::Tensor read_samples(const data::Source& source, int64_t n, const torch::Generator& generator,
                           EvaluationProgress& progress) {
  if (!source.gives_files()) return data::some_items(source, n, generator);
  const auto indices = data::some_indices(source.size(), n, generator);
  const auto count = static_cast<int64_t>(indices.size());
  torch::Tensor out;
  for (int64_t begin = 0; begin < count; begin += kImagesAtOnce) {
    const int64_t end = std::min(begin + kImagesAtOnce, count);
    const auto part = source.items({indices.begin() + begin, indices.begin() + end});
    if (end - begin == count) return part;
    if (begin == 0) {
      auto shape = part.sizes().vec();
      shape[0] = count;
      out = torch::empty(shape, part.options());
    }
    out.narrow(0, begin, end - begin).copy_(part);
    progress.at("reading samples", end, count);
  }
  return out;
}

struct DrawnSamples {
  torch::Tensor x, y, y_b;  ///< y_b is undefined if there is no floor
  torch::Tensor y_whole;    ///< y and, if one set serves as both sides, y_b
  data::LostColumns lost;
};

DrawnSamples drawn_by_this_rank(const Sides& sides, EvaluationProgress& progress) {
  DrawnSamples out;
  const auto draw = [&](const data::Source& from, const char* stream) {
    return read_samples(from, sides.samples, sides.streams.at(stream, 0), progress);
  };
  out.x = draw(sides.source, "eval source");
  out.y = out.y_whole = draw(sides.target, "eval target");
  if (!sides.one_target() || sides.target.endless()) {
    out.y_b = draw(sides.target_b, "eval target b");
  } else if (out.y.size(0) >= 4) {
    // The halves must not share an item, or the floor would be too low.
    const auto halves = out.y.chunk(2);
    out.y = halves[0];
    out.y_b = halves[1];
  }
  const auto lost = [&](const data::Source& from, const char* stream) {
    return data::lost_columns(from, sides.samples, sides.streams.at(stream, 0));
  };
  out.lost = {.source = lost(sides.source, "eval source"), .target = lost(sides.target, "eval target")};
  return out;
}

/// All ranks draw the same samples. If one cannot read them, all throw the same error: a training then saves on the
/// root, whichever rank it was.
DrawnSamples draw_samples(const Sides& sides, dist::ProcessGroup& group, EvaluationProgress& progress) {
  DrawnSamples out;
  std::exception_ptr failure;
  try {
    out = drawn_by_this_rank(sides, progress);
  } catch (...) {
    failure = std::current_exception();
  }
  if (train::any_rank_failed(failure, group)) train::throw_read_failure(failure, group);
  return out;
}

/// T(x, z), [B, samples_per_input, ...]: each rank maps some chunks of the inputs.
/// @param weights  if given, receives those of the inputs, see Model::translate.
torch::Tensor mapped(const model::Model& model, const torch::Tensor& x, const RandomStreams& streams,
                     dist::ProcessGroup& group, torch::Tensor* weights, EvaluationProgress& progress) {
  const int64_t samples_per_input = model.stochastic() ? 2 : 1;
  auto shape = x.sizes().vec();
  shape.insert(shape.begin() + 1, samples_per_input);
  shape[0] = 0;
  std::vector<torch::Tensor> pieces{torch::empty(shape)}, weight_pieces{torch::empty({0})};
  const int64_t chunk = x.dim() == 4 ? kImagesAtOnce : x.size(0);
  const auto chunks = dist::slice_of((x.size(0) + chunk - 1) / chunk, group);
  for (int64_t begin = chunks.begin * chunk; begin < std::min((chunks.begin + chunks.length) * chunk, x.size(0));
       begin += chunk) {
    torch::Tensor of_piece;
    pieces.push_back(model.translate(x.narrow(0, begin, std::min(chunk, x.size(0) - begin)), samples_per_input,
                                     streams.at("eval z", begin), weights ? &of_piece : nullptr));
    if (weights) weight_pieces.push_back(of_piece);
    const int64_t done = begin / chunk - chunks.begin + 1;
    if (chunks.length > 1) progress.at("translating samples", done, chunks.length);
  }
  if (weights) *weights = group.gather_rows(torch::cat(weight_pieces));
  return group.gather_rows(torch::cat(pieces));
}

/// Draws the samples of an unbalanced problem anew by their weights in the plan, so that all metrics are those of its
/// marginals. Nothing changes if weights are not finite or all 0, which `evaluation.unmeasurable` then says.
/// @param x_weights  those of the inputs.
std::optional<WeightStatistics> resample_by_weight(const model::SampleWeights& weights, const torch::Tensor& x_weights,
                                                   const RandomStreams& streams, DrawnSamples& drawn,
                                                   torch::Tensor& output, Evaluation& evaluation) {
  std::vector<std::pair<torch::Tensor*, torch::Tensor>> weighted{{&drawn.x, x_weights}};
  for (auto* y : {&drawn.y, &drawn.y_b}) {
    if (y->defined()) weighted.emplace_back(y, weights.of_target(*y));
  }
  for (const auto& [samples, of_samples] : weighted) {
    if (std::isfinite(effective_fraction(of_samples))) continue;
    evaluation.unmeasurable = text("the weights of ", samples == &drawn.x ? "inputs" : "target samples",
                                   " are not finite or all 0; raise unbalanced.alpha, or take softplus");
    return std::nullopt;
  }
  const WeightStatistics out{.source_mass = x_weights.mean().item<double>(),
                             .target_mass = weighted[1].second.mean().item<double>(),
                             .source_effective = effective_fraction(x_weights),
                             .target_effective = effective_fraction(weighted[1].second)};
  for (size_t i = 0; i < weighted.size(); ++i) {
    const auto& [samples, of_samples] = weighted[i];
    const auto rows = resampled_indices(of_samples, streams.at("eval resample", static_cast<int64_t>(i)));
    if (i == 0) output = output.index_select(0, rows);
    *samples = samples->index_select(0, rows);
  }
  return out;
}

/// Finds samples that cannot be measured and describes them in `evaluation.unmeasurable`.
/// @return the kinds of samples that have such ones.
std::vector<Samples> find_unmeasurable(const Sides& sides, const DrawnSamples& drawn, const torch::Tensor& output,
                                       Evaluation& evaluation) {
  const auto check = [&](const char* what, const torch::Tensor& samples, int64_t samples_per_input,
                         const data::Source& from, const char* stream) {
    return unmeasurable(what, samples, samples_per_input, from, [&] { return sides.chosen(from, stream); });
  };
  const auto outputs = check("outputs", output, output.size(1), sides.source, "eval source");
  const auto inputs = check("inputs", drawn.x, 1, sides.source, "eval source");
  auto target = check("target samples", drawn.y_whole, 1, sides.target, "eval target");
  std::vector<Samples> bad;
  if (!outputs.empty()) bad.push_back(Samples::outputs);
  if (!inputs.empty()) bad.push_back(Samples::inputs);
  if (!target.empty()) bad.push_back(Samples::target);
  if (target.empty() && drawn.y_b.defined() && !sides.one_target()) {
    target = check("training target samples", drawn.y_b, 1, sides.target_b, "eval target b");
    if (!target.empty()) bad.push_back(Samples::target_b);
  }
  for (const auto& [reason, side] : {std::pair{outputs.empty() ? inputs : outputs, "input"}, {target, "target"}}) {
    if (!reason.empty()) {
      evaluation.unmeasurable +=
          text(evaluation.unmeasurable.empty() ? "" : "; ", reason, "; look for fill values in the ", side);
    }
  }
  return bad;
}

/// The error with the name of the metric before the place where it occurred.
template <class AnyError>
AnyError error_in_metric(const AnyError& error, const std::string& metric) {
  auto complaint = error.complaint();
  const auto name = "metric \"" + metric + '"';
  complaint.where = complaint.where.empty() ? name : name + ": " + complaint.where;
  return AnyError(complaint);
}

/// The value of a metric. What its function throws is rethrown with the metric's name: the type decides the exit code,
/// so errors of monge keep it, LibTorch's errors too, and memory that runs out has a message of its own.
double value_of_metric(const Metric& row, MetricContext& context) {
  try {
    return row.compute(context);
  } catch (const dist::CommonError& error) {
    throw error_in_metric(error, row.name);
  } catch (const InputError& error) {
    throw error_in_metric(error, row.name);
  } catch (const SystemError& error) {
    throw error_in_metric(error, row.name);
  } catch (const DivergedError& error) {
    throw error_in_metric(error, row.name);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (c10::Error& error) {
    error.add_context("in the metric \"" + row.name + '"');
    throw;
  } catch (const std::exception& error) {
    throw SystemError({.what = error.what(), .where = "metric \"" + row.name + '"'});
  }
}

NamedMetrics image_metrics_of(ImageEvaluator& image_evaluator, const MetricContext& context) {
  require(context.has_images(),
          "eval.features and eval.lpips evaluate images, but these data are vectors; leave them out");
  for (const auto& samples : {context.input(), context.output(), context.target(), context.target_b()}) {
    if (samples.defined() && !torch::isfinite(samples).all().item<bool>()) return {};
  }
  return image_evaluator.evaluate(context.input(), context.output(), context.target(), context.target_b(),
                                  context.group(), context.between_blocks());
}

/// All metrics of the registry that apply, and those of the image evaluator, which may be null.
void compute_metrics(MetricContext& context, const std::vector<Samples>& bad, ImageEvaluator* image_evaluator,
                     EvaluationProgress& progress, Evaluation& evaluation) {
  std::vector<const Metric*> rows;
  for (const auto& row : metrics().rows()) {
    if (row.compute && row.applies_to(context)) rows.push_back(&row);
  }
  // The samples, which are there, count as one unit.
  const auto total = static_cast<int64_t>(rows.size()) + (image_evaluator ? 2 : 1);
  int64_t done = 1;
  for (const auto* row : rows) {
    progress.agree();
    progress.at("computing metrics", done++, total);
    // With samples that cannot be measured the value is noise, even if the arithmetic gives a number. With measurable
    // samples a sum of squares can still overflow.
    const bool measurable = std::none_of(bad.begin(), bad.end(), [&](Samples samples) { return row->is_of(samples); });
    const double value = measurable ? value_of_metric(*row, context) : kNotMeasured;
    evaluation.metrics.emplace_back(row->name, std::isfinite(value) ? value : kNotMeasured);
  }
  if (image_evaluator) {
    progress.agree();
    progress.at("computing metrics", done++, total);
    evaluation.image_metrics = image_metrics_of(*image_evaluator, context);
    evaluation.image_warning = image_evaluator->few_samples_warning(evaluation.samples, evaluation.target_samples);
  }
  progress.agree();
  progress.at("computing metrics", total, total);
}

/// All ranks must decide alike from the metrics, and sums by another number of threads differ in their last bits.
void broadcast_from_root(dist::ProcessGroup& group, Evaluation& evaluation) {
  if (group.size() == 1) return;
  std::vector<double*> values;
  for (auto* table : {&evaluation.metrics, &evaluation.image_metrics}) {
    for (auto& [name, value] : *table) values.push_back(&value);
  }
  const auto all = torch::empty({static_cast<int64_t>(values.size())}, torch::kFloat64);
  double* at = all.mutable_data_ptr<double>();
  for (size_t i = 0; i < values.size(); ++i) at[i] = *values[i];
  group.broadcast(all);
  for (size_t i = 0; i < values.size(); ++i) *values[i] = at[i];
}

}  // namespace

double Evaluation::value(std::string_view name) const {
  for (const auto* table : {&metrics, &image_metrics}) {
    for (const auto& [key, value] : *table) {
      if (key == name) return value;
    }
  }
  return kNotMeasured;
}

NamedMetrics Evaluation::named() const {
  auto all = metrics;
  for (const auto& entry : image_metrics) {
    if (!std::isnan(entry.second)) all.push_back(entry);
  }
  return all;
}

PushForwardError Evaluation::decisive() const {
  const auto distances = [&](const char* error, const char* floor, const char* start) {
    return PushForwardError{.error = value(error), .floor = value(floor), .start = value(start)};
  };
  const auto of_features = distances("feature_error", "feature_floor", "feature_start");
  return std::isfinite(of_features.error) ? of_features : distances("target_error", "target_floor", "target_start");
}

TargetVerdict Evaluation::target_verdict() const {
  return unmeasurable.empty() && lost_columns.empty() ? verdict_of(decisive()) : TargetVerdict::unknown;
}

std::string Evaluation::verdict() const {
  if (!unmeasurable.empty()) return "cannot be judged: " + unmeasurable;
  if (lost_columns.empty()) {
    const bool weighted = std::isfinite(value("source_mass"));
    return in_words(decisive()) + (weighted ? " (of what the unbalanced plan keeps)" : "");
  }
  return "cannot be judged: float32 cannot hold " + join(lost_columns) +
         ", so the metrics use rounded values; set data.standardise";
}

Evaluation evaluate(const model::Model& model, const data::Source& source, const data::Source& target,
                    const data::Source& target_b, int64_t samples, uint64_t seed, ImageEvaluator* image_evaluator,
                    dist::ProcessGroup& group, EvaluationProgress progress) {
  require(!model.reversed || !model.sample_weights, model.origin,
          ": the inverse map of an unbalanced problem is evaluated with the map, not by itself");
  const RandomStreams streams(seed);
  const Sides sides{.source = source, .target = target, .target_b = target_b, .samples = samples, .streams = streams};
  auto drawn = draw_samples(sides, group, progress);
  progress.agree();
  torch::Tensor x_weights;
  const auto output = mapped(model, drawn.x, streams, group, model.sample_weights ? &x_weights : nullptr, progress);
  // A map is evaluated as it is used: images are clamped to their range.
  auto used = drawn.x.dim() == 4 ? output.clamp(-1, 1) : output;
  Evaluation out;
  out.samples = drawn.x.size(0);
  out.target_samples = drawn.y.size(0);
  const auto bad = find_unmeasurable(sides, drawn, used, out);
  std::optional<WeightStatistics> weight_statistics;
  if (model.sample_weights && bad.empty())
    weight_statistics = resample_by_weight(*model.sample_weights, x_weights, streams, drawn, used, out);
  MetricContext context(model, drawn.x, used, drawn.y, drawn.y_b, group, weight_statistics,
                        [&] { progress.between_blocks(); });
  compute_metrics(context, bad, image_evaluator, progress, out);
  out.lost_columns = lost_column_labels(drawn.lost, source, target);
  broadcast_from_root(group, out);
  return out;
}

std::unique_ptr<ImageEvaluator> make_image_evaluator(const train::Recipe& recipe, torch::Device device) {
  const auto& e = recipe.eval;
  if (e.features.empty() && e.lpips.empty()) return nullptr;
  return std::make_unique<ImageEvaluator>(
      e.features.empty() ? nullptr : open_features(e.features, e.mode, e.weights, device),
      e.lpips.empty() ? nullptr : open_lpips(e.lpips, e.weights, device));
}

std::vector<std::string> lost_column_labels(const data::LostColumns& lost, const data::Source& source,
                                            const data::Source& target) {
  std::vector<std::string> out;
  for (const auto& [side, from, columns] :
       {std::tuple{"the source's columns ", &source, &lost.source}, {"the target's columns ", &target, &lost.target}}) {
    if (!columns->empty()) out.push_back(side + data::column_labels(from->table_names().columns, *columns));
  }
  return out;
}

}  // namespace monge::eval

#include "monge/eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/name_pattern.h"
#include "monge/core/random.h"
#include "monge/eval/colourfulness.h"
#include "monge/eval/colouring.h"
#include "monge/eval/image_features.h"
#include "monge/ot/cost.h"

namespace monge::eval {
namespace {

constexpr int64_t kFeatureSide = 8;  // random_features accepts no smaller images

bool meets(Need need, const MetricContext& context) {
  const auto& x = context.input();
  switch (need) {
    case Need::images:
      return context.has_images();
    case Need::vectors:
      return !context.has_images();
    case Need::colour:
      return context.has_images() && x.size(1) == 3;
    case Need::colour_target:
      return meets(Need::colour, context) && !are_grey(context.target());
    case Need::grey_inputs:
      return meets(Need::colour, context) && are_grey(x);
    case Need::white_background:
      return meets(Need::colour, context) && any_white_background(x);
    case Need::features:
      return context.has_images() && x.size(2) >= kFeatureSide && x.size(3) >= kFeatureSide;
    case Need::several_outputs:
      return context.samples_per_input() > 1;
    case Need::inverse:
      return context.model().inverse_net != nullptr;
    case Need::sample_weights:
      return context.weight_statistics().has_value();
    case Need::target_samples:
      return context.target_b().defined();
  }
  return false;
}

/// Random features of all samples; each rank computes those of its slice.
torch::Tensor features_of(const torch::Tensor& samples, dist::ProcessGroup& group,
                          const BetweenBlocks& between_blocks) {
  if (group.size() == 1) return random_features(samples, between_blocks);
  const auto own = dist::slice_of(samples.size(0), group);
  const auto of_one = random_features(samples.narrow(0, 0, 1));
  return group.gather_rows(own.length > 0 ? random_features(samples.narrow(0, own.begin, own.length), between_blocks)
                                          : of_one.narrow(0, 0, 0));
}

double transport_cost(MetricContext& context) {
  const auto& recipe = context.model().recipe;
  const double tau = ot::cost_scale(recipe ? recipe->cost.scale : "mean", context.dim());
  return tau * static_cast<double>(context.dim()) * context.mean_squared_move();
}

double peak_signal_to_noise(MetricContext& context) {
  return 10 * std::log10(4 / std::max(context.mean_squared_move(), 1e-12));
}

/// Energy distances of the samples, and of their random features for images.
void add_distances(std::vector<Metric>& rows) {
  using enum Samples;
  rows.push_back({.name = "target_error",
                  .label = "target error",
                  .note = "   energy distance between outputs and held-out target samples",
                  .is_distance = true,
                  .of = {outputs, target},
                  .compute = [](MetricContext& c) { return c.distance().error; }});
  rows.push_back({.name = "target_floor",
                  .label = "target floor",
                  .note = "   the same between two sets of target samples: the value of a perfect map",
                  .needs = {Need::target_samples},
                  .of = {target, target_b},
                  .compute = [](MetricContext& c) { return c.distance().floor; }});
  rows.push_back({.name = "target_start",  // the error of a map that does nothing
                  .of = {inputs, target},
                  .compute = [](MetricContext& c) { return c.distance().start; }});
  rows.push_back({.name = "feature_error",
                  .label = "feature error",
                  .note = "   the target error in random convolution features",
                  .is_distance = true,
                  .needs = {Need::features},
                  .of = {outputs, target},
                  .compute = [](MetricContext& c) { return c.feature_distance().error; }});
  rows.push_back({.name = "feature_floor",
                  .label = "feature floor",
                  .note = "   the target floor in random convolution features",
                  .needs = {Need::features, Need::target_samples},
                  .of = {target, target_b},
                  .compute = [](MetricContext& c) { return c.feature_distance().floor; }});
  rows.push_back(
      {.name = "feature_start", .needs = {Need::features}, .of = {inputs, target}, .compute = [](MetricContext& c) {
         return c.feature_distance().start;
       }});
}

/// How far the map moves its inputs, how much its outputs for one input differ, and how it changes colours.
void add_properties(std::vector<Metric>& rows) {
  using enum Samples;
  rows.push_back({.name = "cost",
                  .label = "cost",
                  .note = "   mean tau ||x - T(x)||^2",
                  .of = {inputs, outputs},
                  .compute = transport_cost});
  rows.push_back({.name = "mse",
                  .label = "mse",
                  .note = "   mean (x - T(x))^2 per entry: how far the map moves its inputs",
                  .is_distance = true,
                  .of = {inputs, outputs},
                  .compute = [](MetricContext& c) { return c.mean_squared_move(); }});
  rows.push_back({.name = "psnr",
                  .label = "psnr",
                  .note = " dB",
                  .digits = 4,
                  .needs = {Need::images},
                  .of = {inputs, outputs},
                  .compute = peak_signal_to_noise});
  rows.push_back({.name = "diversity",
                  .label = "diversity",
                  .note = "   RMS difference per entry between two outputs of one input",
                  .digits = 4,
                  .needs = {Need::several_outputs},
                  .of = {outputs},
                  .compute = [](MetricContext& c) { return output_diversity(c.output()); }});
  rows.push_back({.name = "colourfulness_output",
                  .label = "colourfulness",
                  .note = " of the outputs",
                  .digits = 4,
                  .needs = {Need::colour},
                  .of = {outputs},
                  .compute = [](MetricContext& c) { return colourfulness(c.first_output()); }});
  rows.push_back({.name = "colourfulness_target",
                  .note = " of the target",
                  .digits = 4,
                  .needs = {Need::colour},
                  .of = {target},
                  .compute = [](MetricContext& c) { return colourfulness(c.target()); }});
}

/// Whether the inverse map reaches the source, and how far it is from undoing the map.
void add_inverse(std::vector<Metric>& rows) {
  using enum Samples;
  rows.push_back({.name = "inverse_error",
                  .label = "inverse error",
                  .note = "   energy distance between the inverse map's outputs and a half of the inputs",
                  .is_distance = true,
                  .needs = {Need::inverse},
                  .of = {inputs, target},
                  .compute = [](MetricContext& c) { return c.inverse_distance().error; }});
  rows.push_back({.name = "inverse_floor",
                  .label = "inverse floor",
                  .note = "   the same between the other half and it: the value of a perfect inverse",
                  .needs = {Need::inverse},
                  .of = {inputs},
                  .compute = [](MetricContext& c) { return c.inverse_distance().floor; }});
  rows.push_back({.name = "cycle_error",
                  .label = "cycle error",
                  .note = "   mean |S(T(x)) - x|^2 over the variance of x, S the inverse map",
                  .is_distance = true,
                  .needs = {Need::inverse},
                  .of = {inputs, outputs},
                  .compute = [](MetricContext& c) { return c.cycle_error(); }});
}

/// Whether the finest detail is that of the target, and whether a map that colours grey images leaves them as they are.
void add_textures(std::vector<Metric>& rows) {
  using enum Samples;
  rows.push_back({.name = "texture_luma",
                  .label = "texture luma",
                  .note = "   energy of the finest detail, outputs over target: 1 is right, less is blur",
                  .digits = 3,
                  .needs = {Need::images},
                  .of = {outputs, target},
                  .compute = [](MetricContext& c) { return c.texture().luma; },
                  .warn_above = kGrainFrom,
                  .warning = " (grain)"});
  rows.push_back({.name = "texture_chroma",
                  .label = "texture chroma",
                  .note = "   the same of the colours minus their luma",
                  .digits = 3,
                  .needs = {Need::colour_target},
                  .of = {outputs, target},
                  .compute = [](MetricContext& c) { return c.texture().chroma; },
                  .warn_above = kGrainFrom,
                  .warning = " (grain)"});
  rows.push_back({.name = "background_shift",
                  .label = "background",
                  .note = " of 255: mean change of pixels that are white in the input",
                  .digits = 3,
                  .needs = {Need::grey_inputs, Need::colour_target, Need::white_background},
                  .of = {inputs, outputs},
                  .compute = [](MetricContext& c) { return background_shift(c.input(), c.output()); }});
  rows.push_back({.name = "luma_shift",
                  .label = "luma shift",
                  .note = " of 255: mean change of luma; 0 if the map does nothing but colour",
                  .digits = 3,
                  .needs = {Need::grey_inputs, Need::colour_target},
                  .of = {inputs, outputs},
                  .compute = [](MetricContext& c) { return luma_shift(c.input(), c.output()); }});
}

/// The metrics of ImageEvaluator. If two rows fit a name, the first counts; so floors and errors come first.
void add_image_metrics(std::vector<Metric>& rows) {
  for (const char* no_distance : {"fid_floor", "kid_floor", "kid_stderr", "fd_*_floor", "fd_*_stderr", "kd_*_floor",
                                  "kd_*_stderr", "ssim", "lpips_diversity"}) {
    rows.push_back({.name = no_distance});
  }
  for (const char* distance : {"fid", "kid", "fd_*", "kd_*", "lpips"}) {
    rows.push_back({.name = distance, .is_distance = true});
  }
}

/// How much of both sides an unbalanced plan moves, and how evenly.
void add_masses(std::vector<Metric>& rows) {
  using enum Samples;
  const auto add = [&rows](const char* name, const char* label, const char* note, std::vector<Samples> of,
                           double WeightStatistics::*value) {
    rows.push_back({.name = name,
                    .label = label,
                    .note = note,
                    .digits = 3,
                    .needs = {Need::sample_weights},
                    .of = std::move(of),
                    .compute = [value](MetricContext& c) { return (*c.weight_statistics()).*value; }});
  };
  const char* in_effect = " of them in effect";
  add("source_mass", "source mass", "   mean weight of the source samples in the plan (1: all is moved)",
      {inputs, outputs}, &WeightStatistics::source_mass);
  add("source_effective", "", in_effect, {inputs, outputs}, &WeightStatistics::source_effective);
  add("target_mass", "target mass", "   the same of the target samples", {target}, &WeightStatistics::target_mass);
  add("target_effective", "", in_effect, {target}, &WeightStatistics::target_effective);
}

std::vector<Metric> built_in_metrics() {
  std::vector<Metric> rows;
  add_distances(rows);
  add_properties(rows);
  add_inverse(rows);
  add_masses(rows);
  add_textures(rows);
  add_image_metrics(rows);
  return rows;
}

}  // namespace

MetricContext::MetricContext(const model::Model& model, torch::Tensor input, torch::Tensor output, torch::Tensor target,
                             torch::Tensor target_b, dist::ProcessGroup& group,
                             std::optional<WeightStatistics> weight_statistics, BetweenBlocks between_blocks)
    : model_(model),
      input_(std::move(input)),
      output_(std::move(output)),
      target_(std::move(target)),
      target_b_(std::move(target_b)),
      group_(group),
      weight_statistics_(weight_statistics),
      between_blocks_(std::move(between_blocks)) {}

template <class View>
PushForwardError MetricContext::compare(const View& view) const {
  if (target_b_.defined())
    return push_forward_error(view(input_), view(first_output()), view(target_), view(target_b_), group_,
                              between_blocks_);
  const auto on_target = view(target_);
  PushForwardError out;
  out.error = energy_distance(view(first_output()), on_target, Pairs::all, group_, between_blocks_);
  out.floor = std::numeric_limits<double>::quiet_NaN();
  out.start = energy_distance(view(input_), on_target, Pairs::all, group_, between_blocks_);
  return out;
}

const PushForwardError& MetricContext::distance() {
  if (!distance_) distance_ = compare([](const torch::Tensor& samples) { return samples; });
  return *distance_;
}

const PushForwardError& MetricContext::feature_distance() {
  if (!feature_distance_) {
    feature_distance_ =
        compare([&](const torch::Tensor& samples) { return features_of(samples, group_, between_blocks_); });
  }
  return *feature_distance_;
}

/// The inverse map's outputs in the units of the evaluation, one for each item of `y`.
torch::Tensor MetricContext::mapped_back(const torch::Tensor& y, const char* stream) const {
  constexpr int64_t at_once = 64;  // images; bounds the memory
  const auto inverse = model_.inverse();
  const RandomStreams streams(0);
  std::vector<torch::Tensor> pieces;
  const int64_t chunk = y.dim() == 4 ? at_once : y.size(0);
  for (int64_t begin = 0; begin < y.size(0); begin += chunk) {
    const auto piece = y.narrow(0, begin, std::min(chunk, y.size(0) - begin));
    pieces.push_back(inverse.translate(piece, 1, streams.at(stream, begin)).select(1, 0));
    if (between_blocks_) between_blocks_();
  }
  const auto out = torch::cat(pieces);
  return has_images() ? out.clamp(-1, 1) : out;
}

const PushForwardError& MetricContext::inverse_distance() {
  if (inverse_distance_) return *inverse_distance_;
  PushForwardError out;
  const auto halves = input_.chunk(2);
  // The distances depend on the numbers of samples, so both have the same.
  const int64_t count = halves.size() < 2 ? 0 : std::min(target_.size(0), halves[1].size(0));
  if (count < 2) {
    out.error = out.floor = out.start = std::numeric_limits<double>::quiet_NaN();
  } else {
    const auto y = target_.narrow(0, 0, count);
    out.error = energy_distance(mapped_back(y, "inverse of target"), halves[0], Pairs::all, group_, between_blocks_);
    out.floor = energy_distance(halves[1].narrow(0, 0, count), halves[0], Pairs::all, group_, between_blocks_);
    out.start = energy_distance(y, halves[0], Pairs::all, group_, between_blocks_);
  }
  inverse_distance_ = out;
  return *inverse_distance_;
}

double MetricContext::cycle_error() {
  const auto back = mapped_back(first_output(), "inverse of outputs");
  const auto x = input_.to(torch::kFloat64);
  const double spread = (x - x.mean(0, /*keepdim=*/true)).square().mean().item<double>();
  return (back.to(torch::kFloat64) - x).square().mean().item<double>() / spread;
}

double MetricContext::mean_squared_move() {
  if (!move_) move_ = (output_ - input_.unsqueeze(1)).square().mean().item<double>();
  return *move_;
}

const Texture& MetricContext::texture() {
  if (!texture_) texture_ = eval::texture(first_output(), target_);
  return *texture_;
}

bool Metric::applies_to(const MetricContext& context) const {
  return std::all_of(needs.begin(), needs.end(), [&](Need need) { return meets(need, context); });
}

bool Metric::is_of(Samples samples) const { return std::find(of.begin(), of.end(), samples) != of.end(); }

std::string Metric::warning_for(double value) const { return value > warn_above ? warning : std::string(); }

bool Metric::is_general() const {
  return std::all_of(needs.begin(), needs.end(), [](Need need) { return need == Need::target_samples; });
}

void Metrics::add(Metric metric) {
  require(!metric.name.empty() && metric.compute, "a metric needs a name and a function that computes it");
  require(!find(metric.name), "a metric named \"", metric.name, "\" already exists");
  rows_.push_back(std::move(metric));
}

const Metric* Metrics::find(std::string_view name) const {
  const auto found =
      std::find_if(rows_.begin(), rows_.end(), [&](const Metric& row) { return fits_pattern(name, row.name); });
  return found == rows_.end() ? nullptr : &*found;
}

Metrics& metrics() {
  static Metrics registry(built_in_metrics());
  return registry;
}

bool is_distance(std::string_view name) {
  const auto* row = metrics().find(name);
  return row && row->is_distance;
}

}  // namespace monge::eval

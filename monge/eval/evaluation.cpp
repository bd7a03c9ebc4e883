#include "monge/eval/evaluation.h"

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <string_view>

#include "monge/core/error.h"
#include "monge/core/figure.h"
#include "monge/core/nearest.h"
#include "monge/core/random.h"
#include "monge/data/column_names.h"
#include "monge/data/lost_columns.h"
#include "monge/eval/colourfulness.h"
#include "monge/eval/few_samples.h"
#include "monge/eval/image_features.h"
#include "monge/eval/push_forward_error.h"
#include "monge/eval/unmeasurable.h"
#include "monge/ot/cost.h"
#include "monge/train/trainer.h"

namespace monge::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kChunk = 64;  // images at once through the net; bounds the memory of an evaluation

/// The figures beside those of networks, in the order in which they are shown.
constexpr std::array<std::pair<const char*, double Evaluation::*>, 12> kFigures{
    {{"target_error", &Evaluation::target_error},
     {"target_floor", &Evaluation::target_floor},
     {"target_start", &Evaluation::target_start},
     {"feature_error", &Evaluation::feature_error},
     {"feature_floor", &Evaluation::feature_floor},
     {"feature_start", &Evaluation::feature_start},
     {"cost", &Evaluation::cost},
     {"mse", &Evaluation::mse},
     {"psnr", &Evaluation::psnr},
     {"diversity", &Evaluation::diversity},
     {"colourfulness_output", &Evaluation::colourfulness_output},
     {"colourfulness_target", &Evaluation::colourfulness_target}}};

// What depends on the samples of each kind. Even where the arithmetic gives a number, samples that cannot be measured
// make it noise.
constexpr std::array kOfOutputs{"target_error", "feature_error",       "cost", "mse", "psnr",
                                "diversity",    "colourfulness_output"};
constexpr std::array kOfInputs{"target_start", "feature_start", "cost", "mse", "psnr"};
constexpr std::array kOfTarget{"target_error",  "target_floor",  "target_start",        "feature_error",
                               "feature_floor", "feature_start", "colourfulness_target"};
constexpr std::array kOfOtherTarget{"target_floor", "feature_floor"};
constexpr std::array kOfMove{"cost", "mse", "psnr"};

/// Which figures an evaluation has, whatever the samples are.
struct Applicable {
  bool images, features, colour, floor, diversity;

  bool operator()(std::string_view name) const {
    if (name.starts_with("feature_") && !features) return false;
    if (name.ends_with("_floor")) return floor;
    if (name.starts_with("colourfulness_")) return colour;
    if (name == "psnr") return images;
    return name != "diversity" || diversity;
  }
};

/// Sets the figures of these names that apply to NaN, and lists them as unmeasured.
void discard(std::span<const char* const> names, const Applicable& applicable, Evaluation& evaluation) {
  auto& unmeasured = evaluation.unmeasured;
  for (const std::string_view name : names) {
    if (!applicable(name) || std::find(unmeasured.begin(), unmeasured.end(), name) != unmeasured.end()) continue;
    for (const auto& [key, member] : kFigures) {
      if (key == name) evaluation.*member = kNaN;
    }
    unmeasured.emplace_back(name);
  }
}

/// NaN where the evaluation does not have it.
double figure_of(const Evaluation& evaluation, const std::string& name) {
  for (const auto& [key, value] : evaluation.named()) {
    if (key == name) return value;
  }
  return kNaN;
}

/// What follows from figures must follow on all ranks, and sums by another number of threads differ in their last bits.
void share(dist::ProcessGroup& group, Evaluation& evaluation) {
  std::vector<double*> values;
  for (const auto& [name, member] : kFigures) values.push_back(&(evaluation.*member));
  for (auto& [name, value] : evaluation.judged) values.push_back(&value);
  const auto all = torch::empty({static_cast<int64_t>(values.size())}, torch::kFloat64);
  double* at = all.mutable_data_ptr<double>();
  for (size_t i = 0; i < values.size(); ++i) at[i] = *values[i];
  group.broadcast(all);
  for (size_t i = 0; i < values.size(); ++i) *values[i] = at[i];
}

/// @throws Error  unless evaluations like this one have the distance that eval.best names.
void check_best(const Evaluation& evaluation, const std::string& best) {
  std::vector<std::string> known{"target_error"};  // of a set too small for a floor it is left out
  for (const auto& [key, value] : evaluation.named()) {
    if (is_distance(key) && key != known.front()) known.push_back(key);
  }
  if (std::find(known.begin(), known.end(), best) != known.end()) return;
  throw Error(Complaint{.what = "no distance of this run's evaluations",
                        .where = "eval.best",
                        .value = '"' + best + '"',
                        .allowed = join(known),
                        .fix = suggestion(best, known)});
}

/// The columns of both sides, as they stand in a message.
std::vector<std::string> in_words(const data::LostColumns& lost, const data::Source& source,
                                  const data::Source& target) {
  std::vector<std::string> out;
  for (const auto& [side, from, columns] :
       {std::tuple{"the source's columns ", &source, &lost.source}, {"the target's columns ", &target, &lost.target}}) {
    if (!columns->empty()) out.push_back(side + data::column_labels(from->table_names().columns, *columns));
  }
  return out;
}

}  // namespace

NamedFigures Evaluation::named() const {
  NamedFigures all;
  for (const auto& [name, member] : kFigures) all.emplace_back(name, this->*member);
  all.insert(all.end(), judged.begin(), judged.end());
  std::erase_if(all, [&](const auto& entry) {
    return std::isnan(entry.second) && std::find(unmeasured.begin(), unmeasured.end(), entry.first) == unmeasured.end();
  });
  return all;
}

PushForwardError Evaluation::decisive() const {
  if (std::isfinite(feature_error)) return {feature_error, feature_floor, feature_start};
  return {target_error, target_floor, target_start};
}

TargetVerdict Evaluation::target_verdict() const {
  return unmeasurable.empty() && lost_columns.empty() ? judge(decisive()) : TargetVerdict::unknown;
}

std::string Evaluation::verdict() const {
  if (!unmeasurable.empty()) return "cannot be judged: " + unmeasurable;
  if (lost_columns.empty()) return in_words(decisive());
  return "cannot be judged: float32 cannot hold " + join(lost_columns) +
         ", and the metrics are of the rounded values (data.standardise)";
}

Evaluation evaluate(const model::Model& model, const data::Source& source, const data::Source& target,
                    const data::Source& target_b, int64_t samples, uint64_t seed, ImageEvaluator* judge,
                    dist::ProcessGroup* group) {
  const RandomStreams streams(seed);
  const auto x = data::some_items(source, samples, streams.at("eval source", 0));
  auto y = data::some_items(target, samples, streams.at("eval target", 0));
  const auto y_whole = y;
  torch::Tensor y_b;
  if (&target == &target_b && !target.endless()) {
    // One set serves as both sides: its halves must not share an item, or the floor would be too low.
    if (y.size(0) >= 4) {
      const auto halves = y.chunk(2);
      y_b = halves[1];
      y = halves[0];
    }
  } else {
    y_b = data::some_items(target_b, samples, streams.at("eval target b", 0));
  }
  const int64_t draws = model.stochastic() ? 2 : 1;
  auto shape = x.sizes().vec();
  shape.insert(shape.begin() + 1, draws);
  shape[0] = 0;
  std::vector<torch::Tensor> pieces{torch::empty(shape)};
  const int64_t chunk = x.dim() == 4 ? kChunk : x.size(0);
  const auto chunks = dist::slice_of((x.size(0) + chunk - 1) / chunk, group);
  for (int64_t begin = chunks.begin * chunk; begin < std::min((chunks.begin + chunks.length) * chunk, x.size(0));
       begin += chunk) {
    pieces.push_back(
        model.translate(x.narrow(0, begin, std::min(chunk, x.size(0) - begin)), draws, streams.at("eval z", begin)));
  }
  auto output = torch::cat(pieces);  // [B, draws, ...]
  if (group) output = group->gather_rows(output);
  const bool images = x.dim() == 4;
  const int64_t dim = x[0].numel();

  Evaluation out;
  out.samples = x.size(0);
  // Maps are judged as they are used: images are clamped to their range before anyone sees them.
  const auto shown = images ? output.clamp(-1, 1) : output;
  const auto first = shown.select(1, 0);
  const auto compare = [&](auto&& view) {
    if (y_b.defined()) return push_forward_error(view(x), view(first), view(y), view(y_b), group);
    const auto on_y = view(y);
    return PushForwardError{energy_distance(view(first), on_y, Pairs::all, group), kNaN,
                            energy_distance(view(x), on_y, Pairs::all, group)};
  };
  const auto as_it_is = [](const torch::Tensor& samples) { return samples; };
  const auto target_figures = compare(as_it_is);
  const bool large = images && x.size(2) >= 8 && x.size(3) >= 8;
  const auto features = [&](const torch::Tensor& samples) {
    if (!group) return random_features(samples);
    const auto own = dist::slice_of(samples.size(0), group);
    const auto of_one = random_features(samples.narrow(0, 0, 1));
    return group->gather_rows(own.length > 0 ? random_features(samples.narrow(0, own.begin, own.length))
                                             : of_one.narrow(0, 0, 0));
  };
  const auto feature_figures = large ? compare(features) : PushForwardError{kNaN, kNaN, kNaN};
  out.target_error = target_figures.error;
  out.target_floor = target_figures.floor;
  out.target_start = target_figures.start;
  out.feature_error = feature_figures.error;
  out.feature_floor = feature_figures.floor;
  out.feature_start = feature_figures.start;
  out.mse = (shown - x.unsqueeze(1)).square().mean().item<double>();
  const double tau = ot::cost_scale(model.recipe ? model.recipe->cost.scale : "mean", dim);
  out.cost = tau * static_cast<double>(dim) * out.mse;
  out.psnr = images ? 10 * std::log10(4 / std::max(out.mse, 1e-12)) : kNaN;
  out.diversity = draws > 1 ? draw_diversity(shown) : kNaN;
  const bool coloured = images && x.size(1) == 3;
  out.colourfulness_output = coloured ? colourfulness(first) : kNaN;
  out.colourfulness_target = coloured ? colourfulness(y) : kNaN;
  if (judge) {
    require(images, "eval.features and eval.lpips judge images, and these are vectors; leave them out");
    const auto finite = [](const torch::Tensor& samples) {
      return !samples.defined() || torch::isfinite(samples).all().item<bool>();
    };
    if (finite(x) && finite(shown) && finite(y) && finite(y_b)) out.judged = judge->judge(x, shown, y, y_b, group);
    out.judge_warning = judge->few_samples_warning(x.size(0), y.size(0));
  }
  out.target_samples = y.size(0);
  const Applicable applicable{
      .images = images, .features = large, .colour = coloured, .floor = y_b.defined(), .diversity = draws > 1};
  // The indices that some_items chose.
  const auto chosen = [&](const data::Source& from, const char* stream) {
    return [&streams, &from = from, samples, stream] {
      return from.endless() ? std::vector<int64_t>() : data::some_indices(from.size(), samples, streams.at(stream, 0));
    };
  };
  const auto of_outputs = unmeasurable("outputs", shown, draws, source, chosen(source, "eval source"));
  const auto of_inputs = unmeasurable("inputs", x, 1, source, chosen(source, "eval source"));
  auto of_target = unmeasurable("target samples", y_whole, 1, target, chosen(target, "eval target"));
  if (!of_outputs.empty()) discard(kOfOutputs, applicable, out);
  if (!of_inputs.empty()) discard(kOfInputs, applicable, out);
  if (!of_target.empty()) discard(kOfTarget, applicable, out);
  if (of_target.empty() && y_b.defined() && &target != &target_b) {
    of_target = unmeasurable("training target samples", y_b, 1, target_b, chosen(target_b, "eval target b"));
    if (!of_target.empty()) discard(kOfOtherTarget, applicable, out);
  }
  // Of many values below the limit the sum of squares can overflow all the same.
  if (!std::isfinite(out.mse)) discard(kOfMove, applicable, out);
  for (const auto& [reason, side] :
       {std::pair{of_outputs.empty() ? of_inputs : of_outputs, "input"}, {of_target, "target"}}) {
    if (!reason.empty())
      out.unmeasurable += text(out.unmeasurable.empty() ? "" : "; ", reason, "; look for fill values in the ", side);
  }
  const data::LostColumns lost{.source = data::lost_columns(source, samples, streams.at("eval source", 0)),
                               .target = data::lost_columns(target, samples, streams.at("eval target", 0))};
  out.lost_columns = in_words(lost, source, target);
  if (group) share(*group, out);
  return out;
}

std::unique_ptr<ImageEvaluator> make_image_evaluator(const train::Recipe& recipe, torch::Device device) {
  const auto& e = recipe.eval;
  if (e.features.empty() && e.lpips.empty()) return nullptr;
  return std::make_unique<ImageEvaluator>(
      e.features.empty() ? nullptr : open_features(e.features, e.mode, e.weights, device),
      e.lpips.empty() ? nullptr : open_lpips(e.lpips, e.weights, device));
}

void HeldOutEvaluator::measure(train::Trainer& trainer, int64_t done) {
  const bool first = measured_at_ < 0;
  measured_at_ = done;
  const auto& data = trainer.data();
  const auto& recipe = trainer.recipe();
  const auto warning = few_samples_warning(*data.held_source, *data.held_target, *data.target, recipe.eval.samples);
  auto result = evaluate(model::model_of(trainer), *data.held_source, *data.held_target, *data.target,
                         recipe.eval.samples, static_cast<uint64_t>(recipe.train.seed), judge_, trainer.group());
  // The few rows held out may not show what the training rows do.
  if (result.lost_columns.empty()) result.lost_columns = in_words(data.lost, *data.source, *data.target);
  for (const auto& line : {warning, result.judge_warning}) {
    if (first && !line.empty()) trainer.log()(LogLevel::warning, line);
  }
  if (!result.unmeasurable.empty() && result.unmeasurable != warned_of_) {
    trainer.log()(LogLevel::warning, text("iteration ", done, ": the map cannot be judged: ", result.unmeasurable));
  }
  warned_of_ = result.unmeasurable;
  report_(done, result);
  const auto now = train::source_smoothing(recipe, done),
             last = train::source_smoothing(recipe, recipe.train.iterations);
  if (now.eps != last.eps) return;
  if (!result.lost_columns.empty()) return;  // no metric says which of two such maps is better
  const double figure = figure_of(result, recipe.eval.best);
  if (std::isfinite(figure)) trainer.offer(figure);
  end_if_patience_is_out(trainer);
}

void HeldOutEvaluator::end_if_patience_is_out(train::Trainer& trainer) const {
  const auto& e = trainer.recipe().eval;
  if (e.patience == 0 || !trainer.best_figure() || trainer.done() - trainer.best_iteration() < e.patience * e.every)
    return;
  trainer.end_early(text("no better ", e.best, " in ", e.patience, " evaluations (eval.patience)"));
}

void HeldOutEvaluator::try_out(train::Trainer& trainer) const {
  if (trainer.recipe().eval.every == 0) return;
  const auto& data = trainer.data();
  const auto trial =
      evaluate(model::model_of(trainer), *data.held_source, *data.held_target, *data.target, /*samples=*/4,
               /*seed=*/0, judge_, trainer.group());
  check_best(trial, trainer.recipe().eval.best);
}

void HeldOutEvaluator::started(train::Trainer& trainer, int64_t iteration) {
  began_at_ = iteration;
  try_out(trainer);
  if (iteration > 0 && trainer.recipe().eval.every > 0)
    end_if_patience_is_out(trainer);  // a resumed run that had ended so
}

bool HeldOutEvaluator::looks_at_nets(const train::Trainer& trainer, int64_t done) const {
  const int64_t every = trainer.recipe().eval.every;
  return every > 0 && done % every == 0;
}

void HeldOutEvaluator::iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics&) {
  if (looks_at_nets(trainer, done)) measure(trainer, done);
}

void HeldOutEvaluator::ended(train::Trainer& trainer, int64_t done, bool complete) {
  const bool trained = done > began_at_;
  if (complete && trained && trainer.recipe().eval.every > 0 && measured_at_ != done) measure(trainer, done);
}

}  // namespace monge::eval

#include "monge/eval/evaluation.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/eval/colourfulness.h"
#include "monge/eval/few_samples.h"
#include "monge/eval/pushforward.h"
#include "monge/ot/cost.h"
#include "monge/train/trainer.h"

namespace monge::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kChunk = 64;  // images at once through the net; bounds the memory of an evaluation

/// Different items of a finite source as far as it has them, fresh draws of an endless one.
torch::Tensor take(const data::Source& source, int64_t samples, torch::Generator generator) {
  if (source.endless()) return source.draw(samples, generator);
  const auto order = torch::randperm(source.size(), generator, torch::kInt64);
  std::vector<int64_t> indices(order.data_ptr<int64_t>(), order.data_ptr<int64_t>() + std::min(samples, source.size()));
  return source.items(indices);
}

}  // namespace

std::vector<std::pair<std::string, double>> Evaluation::named() const {
  std::vector<std::pair<std::string, double>> all{{"target_error", target_error},
                                                  {"target_floor", target_floor},
                                                  {"cost", cost},
                                                  {"mse", mse},
                                                  {"psnr", psnr},
                                                  {"diversity", diversity},
                                                  {"colourfulness_output", colourfulness_output},
                                                  {"colourfulness_target", colourfulness_target}};
  std::erase_if(all, [](const auto& entry) { return std::isnan(entry.second); });
  return all;
}

Evaluation evaluate(const train::Model& model, const data::Source& source, const data::Source& target,
                    const data::Source& target_b, int64_t samples, uint64_t seed) {
  const RandomStreams streams(seed);
  const auto x = take(source, samples, streams.at("eval source", 0));
  auto y = take(target, samples, streams.at("eval target", 0));
  torch::Tensor y_b;
  if (&target == &target_b && !target.endless()) {
    // One set serves as both sides: its halves must not share an item, or the floor would be too low.
    require(y.size(0) >= 4, target.name(), ": an evaluation needs at least 4 target samples, got ", y.size(0));
    const auto halves = y.chunk(2);
    y_b = halves[1];
    y = halves[0];
  } else {
    y_b = take(target_b, samples, streams.at("eval target b", 0));
  }
  const int64_t draws = model.stochastic() ? 2 : 1;
  std::vector<torch::Tensor> pieces;
  const int64_t chunk = x.dim() == 4 ? kChunk : x.size(0);
  for (int64_t begin = 0; begin < x.size(0); begin += chunk) {
    pieces.push_back(model.translate(x.narrow(0, begin, std::min(chunk, x.size(0) - begin)), draws,
                                     streams.at("eval z", begin)));
  }
  const auto output = torch::cat(pieces);  // [B, draws, ...]
  const auto first = output.select(1, 0);
  const bool images = x.dim() == 4;
  const int64_t dim = x[0].numel();

  Evaluation out;
  out.samples = x.size(0);
  // Maps are judged as they are used: pictures are clamped to their range before anyone sees them.
  const auto shown = images ? first.clamp(-1, 1) : first;
  out.target_error = energy_distance(shown, y);
  out.target_floor = energy_distance(y_b, y);
  out.mse = (output - x.unsqueeze(1)).square().mean().item<double>();
  const double tau = ot::cost_scale(model.recipe ? model.recipe->cost.scale : "mean", dim);
  out.cost = tau * static_cast<double>(dim) * out.mse;
  out.psnr = images ? 10 * std::log10(4 / std::max(out.mse, 1e-12)) : kNaN;
  out.diversity = draws > 1 ? draw_diversity(output) : kNaN;
  out.colourfulness_output = images ? colourfulness(shown) : kNaN;
  out.colourfulness_target = images ? colourfulness(y) : kNaN;
  return out;
}

void HeldOut::measure(train::Trainer& trainer, int64_t done) {
  const bool first = measured_at_ < 0;
  measured_at_ = done;
  const auto& data = trainer.data();
  const auto& recipe = trainer.recipe();
  const auto warning = few_samples_warning(*data.held_source, *data.held_target, *data.target, recipe.eval.samples);
  if (first && !warning.empty()) trainer.log()(LogLevel::warning, warning);
  const auto result = evaluate(train::model_of(trainer), *data.held_source, *data.held_target, *data.target,
                               recipe.eval.samples, static_cast<uint64_t>(recipe.train.seed));
  report_(done, result);
  if (std::isfinite(result.target_error)) trainer.offer(result.target_error);
}

void HeldOut::iteration_done(train::Trainer& trainer, int64_t done, const train::Figures&) {
  const int64_t every = trainer.recipe().eval.every;
  if (every > 0 && done % every == 0) measure(trainer, done);
}

void HeldOut::ended(train::Trainer& trainer, int64_t done, bool) {
  if (trainer.recipe().eval.every > 0 && measured_at_ != done) measure(trainer, done);
}

}  // namespace monge::eval

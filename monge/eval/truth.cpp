#include "monge/eval/truth.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "monge/core/random.h"
#include "monge/eval/discrete_ot.h"
#include "monge/eval/plan_score.h"
#include "monge/eval/push_forward_error.h"
#include "monge/eval/truth_score.h"
#include "monge/model/model.h"
#include "monge/solve/settings.h"
#include "monge/train/trainer.h"

namespace monge::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kMapPoints = 1 << 14;   // for metrics that need no plan
constexpr int64_t kSamplesPerInput = 64;  // for the variance of the plan
constexpr int64_t kPlanDraws = 1000;      // for its moments, as in the literature

/// The distances between fresh samples, averaged over the repeats.
void score_target(const TruthCase& truth, const train::Trainer& trainer, const model::Model& model,
                  const RandomStreams& streams, TruthScore& out) {
  const auto& source = *trainer.data().source;
  const auto& target = *trainer.data().target;
  out.points = kTruthPoints;
  TargetDistances mean;
  for (int64_t k = 0; k < truth.repeats; ++k) {
    const auto y =
        model.translate(source.draw(kTruthPoints, streams.at("truth x", k)), 1, streams.at("truth z", k)).squeeze(1);
    mean.add(target_distances(y, target.draw(kTruthPoints, streams.at("truth target a", k)),
                              target.draw(kTruthPoints, streams.at("truth target b", k))),
             1.0 / static_cast<double>(truth.repeats));
  }
  out.target_error = mean.w2_squared;
  out.target_floor = mean.floor;
  out.target_collapse = mean.collapse;
  out.energy_error = mean.energy;
  out.energy_floor = mean.energy_floor;
  out.energy_collapse = mean.energy_collapse;
}

void score_map(const TruthCase& truth, const model::Model& model, const torch::Tensor& x, const RandomStreams& streams,
               TruthScore& out) {
  const int64_t samples_per_input = model.stochastic() ? kSamplesPerInput : 1;
  const auto few = samples_per_input == 1 ? x : x.narrow(0, 0, std::min<int64_t>(2048, x.size(0)));
  const auto y = model.translate(few, samples_per_input, streams.at("truth map z", 0)).to(torch::kFloat64);
  const auto mean = y.mean(1);
  out.plan_variance = samples_per_input > 1 ? y.var(1, /*unbiased=*/true).mean().item<double>() : kNaN;
  if (!truth.map) return;
  const auto expected = truth.map(few).to(torch::kFloat64);
  out.l2_uvp = l2_uvp(mean, expected, truth.target_variance);
  out.cosine = displacement_cosine(few.to(torch::kFloat64), mean, expected);
  if (!model.inverse_net) return;
  const auto exact = few.to(torch::kFloat64);
  const auto back = model.inverse().translate(expected.to(torch::kFloat32), 1, streams.at("truth inverse z", 0));
  out.inverse_l2_uvp =
      l2_uvp(back.select(1, 0).to(torch::kFloat64), exact, exact.var(0, /*unbiased=*/true).sum().item<double>());
}

/// E|x - y|^2 of the exact plan between samples of source and target.
double plan_cost(const train::Trainer& trainer, const RandomStreams& streams) {
  constexpr int64_t points = 2048;
  return exact_w2_squared(trainer.data().source->draw(points, streams.at("truth plan x", 0)),
                          trainer.data().target->draw(points, streams.at("truth plan y", 0)));
}

}  // namespace

std::vector<std::pair<std::string, double>> TruthScore::named() const {
  return {{"cost_error", cost_error},
          {"target_error", target_error},
          {"target_floor", target_floor},
          {"l2_uvp", l2_uvp},
          {"cosine", cosine},
          {"inverse_l2_uvp", inverse_l2_uvp},
          {"cbw2_uvp", plan_uvp},
          {"cbw2_uvp_floor", plan_uvp_floor},
          {"seconds", seconds},
          {"target_collapse", target_collapse},
          {"energy_error", energy_error},
          {"energy_floor", energy_floor},
          {"energy_collapse", energy_collapse},
          {"plan_variance", plan_variance},
          {"plan_variance_truth", plan_variance_truth}};
}

TruthScore TruthScore::unknown() {
  TruthScore out;
  for (double* metric :
       {&out.cost_error, &out.target_error, &out.target_floor, &out.target_collapse, &out.energy_error,
        &out.energy_floor, &out.energy_collapse, &out.l2_uvp, &out.cosine, &out.inverse_l2_uvp, &out.plan_variance,
        &out.plan_variance_truth, &out.plan_uvp, &out.plan_uvp_floor, &out.seconds}) {
    *metric = kNaN;
  }
  return out;
}

TruthResult run_truth(const TruthCase& truth, torch::Device device, const std::atomic<bool>& stop, const LogSink& log,
                      train::Observer* watcher) {
  train::validate(truth.recipe);
  solve::apply_settings(truth.recipe.train, device);
  train::Trainer trainer(truth.recipe, train::open_training_data(truth.recipe, {.log = log}), device, "", log);
  if (watcher != nullptr) trainer.attach(*watcher);
  TruthResult out;
  const auto began = std::chrono::steady_clock::now();
  out.complete = trainer.run(stop);
  if (!out.complete) return out;
  auto& score = out.score;
  score.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();

  // Streams of their own, so that every seed of the training is scored on the same samples.
  const RandomStreams streams(0x7472757468);
  const auto model = model::model_of(trainer);
  score_target(truth, trainer, model, streams, score);
  const auto x = trainer.data().source->draw(kMapPoints, streams.at("truth cost x", 0));
  const auto y = model.translate(x, 1, streams.at("truth cost z", 0)).squeeze(1);
  const bool by_plan = std::isnan(truth.w2_squared) && truth.squared_cost;
  score.cost_error = std::abs(mean_square_gap(x, y) - (by_plan ? plan_cost(trainer, streams) : truth.w2_squared));
  score.l2_uvp = score.cosine = score.inverse_l2_uvp = score.plan_uvp = score.plan_uvp_floor = kNaN;
  score.plan_variance_truth = truth.plan_variance;
  score_map(truth, model, x, streams, score);
  if (truth.plan && model.stochastic()) {
    const auto inputs = x.narrow(0, 0, kPlanInputs);
    const auto draws = model.translate(inputs, kPlanDraws, streams.at("truth plan draws", 0));
    score.plan_uvp = plan_uvp(*truth.plan, inputs, draws, truth.target_variance);
    score.plan_uvp_floor = plan_uvp_floor(*truth.plan, inputs, kPlanDraws, truth.target_variance);
  }
  if (truth.two_branches) score.branch = branch_fractions(x, y);

  constexpr int64_t shown = 512;
  out.x = x.narrow(0, 0, shown);
  out.y = model.translate(out.x, 4, streams.at("truth picture z", 0));
  out.target = trainer.data().target->draw(shown, streams.at("truth picture target", 0));
  return out;
}

}  // namespace monge::eval

#include "monge/session/colour_map.h"

#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/parallel.h"
#include "monge/data/tensor_source.h"
#include "monge/eval/discrete_ot.h"
#include "monge/eval/gaussian.h"
#include "monge/eval/target_verdict.h"
#include "monge/session/plan_start.h"
#include "monge/solve/settings.h"
#include "monge/train/trainer.h"

namespace monge::session {
namespace {

constexpr int64_t kPlanSteps = 600;  // see start_from_plan

constexpr double kColourRidge = 1e-3;  // added to variances of colours: 4 levels of 255, squared
constexpr double kMostStretch = 8;     // of the map between normal laws, along each of its axes
constexpr double kSameAsFloor = 1.5;   // as in eval::verdict_of

/// The symmetric matrix with eigenvalues f(values).
template <class Function>
torch::Tensor of_eigenvalues(const torch::Tensor& symmetric, const Function& f) {
  const auto [values, vectors] = torch::linalg_eigh(symmetric);
  return torch::matmul(vectors * f(values), vectors.t());
}

torch::Tensor covariance_of(const torch::Tensor& rows) {
  const auto centred = rows - rows.mean(0, /*keepdim=*/true);
  return torch::matmul(centred.t(), centred) / static_cast<double>(rows.size(0)) +
         kColourRidge * torch::eye(rows.size(1), torch::kFloat64);
}

torch::Tensor times(const torch::Tensor& rows, const torch::Tensor& symmetric) {
  return torch::matmul(rows.to(torch::kFloat64), symmetric);
}

/// The least of 1/2 E|a - b|^2 over the plans of two samples.
double half_w2_squared(const torch::Tensor& a, const torch::Tensor& b) { return eval::exact_w2_squared(a, b) / 2; }

/// Reports the iterations of a training as the progress of a step.
class TrainingProgress : public train::Observer {
 public:
  explicit TrainingProgress(std::function<void(int64_t, int64_t)> report) : report_(std::move(report)) {}
  bool needs_nets(const train::Trainer&, int64_t) const override { return false; }
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics&) override {
    if (report_) report_(done, trainer.recipe().train.iterations);
  }

 private:
  std::function<void(int64_t, int64_t)> report_;
};

std::shared_ptr<const data::Source> colour_source(const std::string& name, const torch::Tensor& rows) {
  return std::make_shared<data::TensorSource>(name, rows);
}

}  // namespace

ColourCoordinates::ColourCoordinates(const torch::Tensor& x, const torch::Tensor& y) {
  const auto x64 = x.to(torch::kFloat64), y64 = y.to(torch::kFloat64);
  mean_x_ = x64.mean(0);
  mean_y_ = y64.mean(0);
  const auto covariance_x = covariance_of(x64);
  const auto A = eval::gaussian_ot_map(mean_x_, covariance_x, mean_y_, covariance_of(y64)).A;
  const auto stretch = [](const torch::Tensor& values) { return values.clamp(1 / kMostStretch, kMostStretch).sqrt(); };
  const auto B = of_eigenvalues(A, stretch);
  const auto inverse = of_eigenvalues(A, [&](const torch::Tensor& values) { return 1 / stretch(values); });
  const auto variance = torch::matmul(B, torch::matmul(covariance_x, B)).trace() / 3;
  const auto s = 1 / variance.sqrt();
  source_33_ = s * B;
  target_33_ = s * inverse;
  back_33_ = B / s;
}

torch::Tensor ColourCoordinates::from_source(const torch::Tensor& x) const {
  return times(x - mean_x_, source_33_).to(torch::kFloat32).contiguous();
}

torch::Tensor ColourCoordinates::from_target(const torch::Tensor& y) const {
  return times(y - mean_y_, target_33_).to(torch::kFloat32).contiguous();
}

torch::Tensor ColourCoordinates::to_target(const torch::Tensor& y) const {
  return (times(y, back_33_) + mean_y_).to(torch::kFloat32);
}

torch::Tensor ColourMap::operator()(const torch::Tensor& x) const {
  if (!net_ || x.size(0) == 0) return x.clone();
  constexpr int64_t rows = int64_t{1} << 16;
  const auto unused = RandomStreams(0).at("colour map", 0);  // the map is deterministic
  std::vector<torch::Tensor> parts;
  for (const auto& part : x.split(rows)) {
    const auto y = net_->translate(coordinates_->from_source(part), 1, unused).squeeze(1);
    parts.push_back(coordinates_->to_target(y).clamp_(-1, 1));
  }
  const auto out = torch::cat(parts);
  return grey_ ? out.mean(1, /*keepdim=*/true).expand({-1, 3}).contiguous() : out;
}

double ColourScore::cost_ratio() const { return exact_cost > 0 ? cost / exact_cost : cost > 0 ? INFINITY : 1; }

bool ColourScore::same_colours() const { return target.start <= kSameAsFloor * target.floor; }

std::string ColourScore::verdict() const {
  return same_colours() ? "changes nothing: photo and style have the same colours" : eval::in_words(target);
}

train::Recipe colour_recipe(const ColourMapOptions& options) {
  train::Recipe recipe;
  recipe.name = "recolour";
  recipe.method = "strong";
  recipe.cost.scale = "half";
  recipe.map.width = recipe.potential.width = 128;
  recipe.map.depth = recipe.potential.depth = 3;
  recipe.map.residual = recipe.map.zero_last = true;
  recipe.train.iterations = 1500;
  recipe.train.batch = 448;  // two blocks of nn::fused_chain at this width, one a core
  recipe.train.k_t = 3;
  recipe.train.lr_map = recipe.train.lr_potential = 5e-4;
  recipe.train.betas = {0.0, 0.99};
  recipe.train.schedule = "cosine";
  recipe.train.ema = 0.99;
  recipe.source.path = "the photo's colours";
  recipe.target.path = "the style's colours";
  recipe.eval.every = recipe.samples.every = 0;
  for (const auto& assignment : options.assignments) {
    const auto begins = [&](const char* section) { return assignment.starts_with(section); };
    require(begins("train.") || begins("map.") || begins("potential."), assignment,
            ": has no effect on the map of colours; allowed are keys of the sections train, map and potential");
  }
  train::assign(recipe, options.assignments);
  recipe.train.seed = options.seed;
  train::validate(recipe);
  return recipe;
}

ColourMapResult learn_colour_map(const PixelSet& photo, const PixelSet& style, const ColourMapOptions& options,
                                 const Compute& compute, const Hooks& hooks) {
  for (const auto* side : {&photo, &style}) {
    require(side->train.defined() && side->train.dim() == 2 && side->train.size(0) > 0 && side->train.size(1) == 3,
            "colours must be [N, 3] with N >= 1");
  }
  set_threads(compute);
  ColourMapResult out;
  auto& score = out.score;
  score.samples = photo.held_a.size(0);
  const auto solve_plan = [&](int64_t plan) {
    (plan == 0 ? score.target.start : score.target.floor) =
        half_w2_squared(plan == 0 ? photo.held_a : style.held_b, style.held_a);
  };
  data::for_each_parallel(2, [&] { return solve_plan; }, at::get_num_threads());
  score.exact_cost = score.target.start;
  score.target.error = score.target.start;
  out.complete = true;
  if (score.same_colours()) return out;

  const auto recipe = colour_recipe(options);
  const auto device = choose_device(compute, recipe.train.device);
  solve::apply_settings(recipe.train, device);
  solve::keep_freed_memory();
  const ColourCoordinates coordinates(photo.train, style.train);
  const auto source = colour_source(recipe.source.path, coordinates.from_source(photo.train));
  const auto target = colour_source(recipe.target.path, coordinates.from_target(style.train));
  train::Trainer trainer(recipe, {.source = source, .target = target, .held_source = source, .held_target = target},
                         device, "", silent());
  trainer.start_from(start_from_plan(recipe, coordinates.from_source(photo.plan), coordinates.from_target(style.plan),
                                     kPlanSteps, hooks.stop_flag()));
  TrainingProgress progress(hooks.progress_of("learning the colours"));
  trainer.attach(progress);
  const auto began = std::chrono::steady_clock::now();
  out.complete = trainer.run(hooks.stop_flag());
  if (!out.complete) return out;
  out.training_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  out.map = ColourMap(model::model_of(trainer), coordinates, style.grey);
  const auto y = out.map(photo.held_a);
  score.target.error = half_w2_squared(y, style.held_a);
  score.cost = (photo.held_a - y).to(torch::kFloat64).square().sum(1).mean().item<double>() / 2;
  return out;
}

}  // namespace monge::session

#include "monge/session/colour_map.h"

#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <set>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/parallel.h"
#include "monge/eval/discrete_ot.h"
#include "monge/eval/gaussian.h"
#include "monge/eval/target_verdict.h"
#include "monge/session/plan_fit.h"
#include "monge/solve/nets.h"
#include "monge/solve/settings.h"

namespace monge::session {
namespace {

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
  const at::NoGradGuard no_grad;
  const auto device = net_->parameters().front().device();
  std::vector<torch::Tensor> parts;
  for (const auto& part : x.split(rows)) {
    const auto y = net_->forward(coordinates_->from_source(part).to(device)).cpu();
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

solve::SolverOptions colour_options(const ColourMapOptions& options) {
  static const std::set<std::string> allowed{"train.iterations", "train.batch", "train.lr_map"};
  solve::SolverOptions out;
  out.cost.scale = "half";
  out.map.net = "mlp";
  out.map.width = 128;
  out.map.depth = 3;
  out.map.residual = out.map.zero_last = true;
  out.train.iterations = 3000;
  out.train.batch = 448;
  out.train.lr_map = 4e-3;
  for (const auto& assignment : options.assignments) {
    const auto key = assignment.substr(0, assignment.find('='));
    require(
        key.starts_with("map.") || allowed.contains(key), assignment,
        ": has no effect on the map of colours; allowed are train.iterations, train.batch, train.lr_map and keys of "
        "the section map");
  }
  solve::assign(out, options.assignments);
  out.train.seed = options.seed;
  solve::validate(out);
  return out;
}

ColourMapResult learn_colour_map(const PixelSet& photo, const PixelSet& style, const ColourMapOptions& options,
                                 const Compute& compute, const Hooks& hooks) {
  for (const auto* side : {&photo, &style}) {
    require(side->fit.defined() && side->fit.dim() == 2 && side->fit.size(0) > 0 && side->fit.size(1) == 3,
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

  const auto began = std::chrono::steady_clock::now();
  const auto settings = colour_options(options);
  const auto device = choose_device(compute, settings.train.device);
  solve::apply_settings(settings.train, device);
  const ColourCoordinates coordinates(photo.fit, style.fit);
  const auto x = coordinates.from_source(photo.fit);
  const auto& stop = hooks.stop_flag();
  const auto y = partners_by_plan(x, coordinates.from_target(style.fit), kFitPlans, at::get_num_threads(), stop);
  const auto net = solve::make_map(settings, {3}, {3});
  net->to(device);
  fit_to_pairs(*net, x.to(device), y.to(device),
               {.steps = settings.train.iterations, .batch = settings.train.batch, .rate = settings.train.lr_map},
               RandomStreams(static_cast<uint64_t>(options.seed)).at("fit of colours", 0),
               hooks.progress_of("learning the colours"), stop);
  out.complete = !stop;
  if (!out.complete) return out;
  for (const auto& weight : net->parameters()) {
    if (weight.isfinite().all().item<bool>()) continue;
    throw DivergedError(
        {.what = "the fit of the colours diverged: a weight is not finite", .fix = "lower train.lr_map"});
  }
  net->eval();
  out.training_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  out.map = ColourMap(net, coordinates, style.grey);
  const auto outputs = out.map(photo.held_a);
  score.target.error = half_w2_squared(outputs, style.held_a);
  score.cost = (photo.held_a - outputs).to(torch::kFloat64).square().sum(1).mean().item<double>() / 2;
  return out;
}

}  // namespace monge::session

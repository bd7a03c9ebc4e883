// The cases of truth.h.
#include <cmath>
#include <limits>
#include <numbers>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/core/random.h"
#include "monge/core/registry.h"
#include "monge/core/user_words.h"
#include "monge/data/open.h"
#include "monge/data/toys.h"
#include "monge/data/w2_benchmark.h"
#include "monge/eval/gaussian.h"
#include "monge/eval/truth.h"
#include "monge/eval/truth_score.h"
#include "monge/ot/light.h"
#include "monge/ot/otp.h"
#include "monge/ot/weak.h"

namespace monge::eval {
namespace {

using train::Recipe;

/// The settings that the cases share; the nets are as small as those of the literature.
Recipe base(const std::string& method, const std::string& source, const std::string& target) {
  Recipe recipe;
  recipe.method = method;
  recipe.source.path = source;
  recipe.target.path = target;
  recipe.cost.scale = "half";
  recipe.map.width = recipe.potential.width = 64;
  recipe.map.depth = recipe.potential.depth = 3;
  recipe.train.batch = 512;
  recipe.train.k_t = 5;
  recipe.train.lr_map = recipe.train.lr_potential = 1e-3;
  recipe.train.schedule = "cosine";
  recipe.train.ema = 0.99;
  recipe.train.iterations = 1500;
  recipe.train.threads = 1;  // nets this small lose more by dividing their work among threads than they gain
  recipe.eval.every = 0;
  return recipe;
}

/// Starts the map at the identity and the potential as a quadratic form, which suits a map that is close to linear.
void start_at_identity(Recipe& recipe) {
  recipe.map.residual = recipe.map.zero_last = true;
  recipe.potential.quadratic = recipe.potential.zero_last = true;
}

/// The dimension that the options name, else `usual`. @throws InputError outside the range.
int64_t dim_of(const TruthOptions& options, const std::string& name, int64_t usual, int64_t least, int64_t most,
               bool even = false) {
  const int64_t dim = options.dim == 0 ? usual : options.dim;
  if (dim < least || dim > most || (even && dim % 2 != 0)) {
    const auto range =
        least == most ? std::to_string(least) : text(even ? "an even number, " : "", least, " to ", most);
    throw InputError({.what = "the case \"" + name + "\" has no such dimension",
                      .where = user_word("TruthOptions::dim"),
                      .value = std::to_string(dim),
                      .allowed = range});
  }
  return dim;
}

TruthCase gaussian(const TruthOptions& options) {
  TruthCase out;
  out.dim = dim_of(options, "gaussian", 2, 1, 256);
  const auto dim = std::to_string(out.dim);
  out.recipe = base("strong", "toy:gaussian?dim=" + dim, "toy:gaussian?dim=" + dim + "&mean=1&cov_seed=1");
  start_at_identity(out.recipe);
  if (out.dim > 32) out.recipe.map.width = out.recipe.potential.width = 128;
  if (options.quick) out.recipe.train.iterations = 400;
  const auto p = data::open_toy(out.recipe.source.path), q = data::open_toy(out.recipe.target.path);
  const auto& gp = dynamic_cast<const data::GaussianSource&>(*p);
  const auto& gq = dynamic_cast<const data::GaussianSource&>(*q);
  const auto truth = gaussian_ot_map(gp.mean(), gp.covariance(), gq.mean(), gq.covariance());
  out.w2_squared = truth.w2_squared;
  out.map = truth;
  out.target_variance = gq.covariance().trace().item<double>();
  return out;
}

TruthCase line(const TruthOptions& options) {
  TruthCase out;
  out.dim = dim_of(options, "line", 1, 1, 1);
  out.recipe = base("strong", "toy:gaussian?dim=1", "toy:uniform?dim=1&half=1");
  start_at_identity(out.recipe);
  out.recipe.potential.quadratic = false;
  if (options.quick) out.recipe.train.iterations = 500;
  out.w2_squared = 4.0 / 3 - 2 / std::sqrt(std::numbers::pi);
  out.map = [](const torch::Tensor& x) { return torch::erf(x / std::numbers::sqrt2); };  // 2 Phi(x) - 1
  out.target_variance = 1.0 / 3;
  return out;
}

TruthCase weak_gaussian(const TruthOptions& options) {
  constexpr double s = 0.5, gamma = 0.8;
  TruthCase out;
  out.dim = dim_of(options, "weak-gaussian", 2, 1, 64);
  const auto dim = std::to_string(out.dim);
  out.recipe = base("weak", "toy:gaussian?dim=" + dim + "&std=0.5", "toy:gaussian?dim=" + dim);
  start_at_identity(out.recipe);
  out.cost_kind = ot::CostKind::weak_quadratic;
  auto& r = out.recipe;
  auto& weak = r.section<ot::WeakOptions>();
  weak.gamma0 = weak.gamma1 = gamma;
  weak.z = 4;
  weak.z_channels = out.dim;
  weak.z_std = 1;
  r.map.activation = r.potential.activation = "relu";
  // At the optimum the variance does not change the map's loss. Only the response of f holds it in place, so f must
  // learn quickly.
  r.train.k_t = 4;
  r.train.lr_potential = 4e-3;
  r.train.ema = 0.998;
  r.train.iterations = options.quick ? 600 : 1500;
  // E|x - y|^2 of the plan with slope 1/gamma and variance v per coordinate: D (s^2 (1/gamma - 1)^2 + v).
  out.plan_variance = 1 - s * s / (gamma * gamma);
  out.w2_squared = static_cast<double>(out.dim) * (s * s * (1 / gamma - 1) * (1 / gamma - 1) + out.plan_variance);
  out.map = [](const torch::Tensor& x) { return x / gamma; };
  out.target_variance = static_cast<double>(out.dim);
  return out;
}

/// The settings of the cases of thin sets, on which plain training fails (ALGORITHMS) and smoothing does not.
Recipe thin(const std::string& law, const TruthOptions& options) {
  auto recipe = base("otp", "toy:" + law + "side=source", "toy:" + law + "side=target");
  recipe.section<ot::OtpOptions>().eps_start = 0.5;
  recipe.section<ot::OtpOptions>().eps_end = "0.05";
  recipe.map.width = recipe.potential.width = 128;
  recipe.potential.r1 = 0.02;
  recipe.train.batch = 256;
  recipe.train.k_t = 4;
  recipe.train.iterations = options.quick ? 800 : 3000;
  return recipe;
}

TruthCase perpendicular(const TruthOptions& options) {
  TruthCase out;
  out.dim = dim_of(options, "perpendicular", 2, 2, 4096, /*even=*/true);
  out.recipe = thin("perpendicular?dim=" + std::to_string(out.dim) + "&", options);
  if (out.dim > 64) {
    // Every plan is optimal, so the noise need not fall. At about the target's own spread, 1/sqrt(3), the map hardly
    // stretches along the target's axes, and wide nets find it soon. At 0.05 they would have to stretch twelvefold.
    auto& r = out.recipe;
    start_at_identity(r);
    r.section<ot::OtpOptions>().eps_start = 0.56;
    r.section<ot::OtpOptions>().eps_end = "0.56";
    r.map.width = r.potential.width = 256;
    r.train.iterations = options.quick ? 300 : 1500;
  }
  out.w2_squared = static_cast<double>(out.dim) / 3;
  return out;
}

TruthCase one_to_many(const TruthOptions& options) {
  TruthCase out;
  out.two_branches = true;
  out.dim = dim_of(options, "one-to-many", 2, 2, 4096, /*even=*/true);
  out.recipe = thin("one_to_many?dim=" + std::to_string(out.dim) + "&", options);
  // Much noise remains at the end, so that the noise decides the branch. With less noise the net would have to sharpen
  // faster than it can, and a small error of the potential would tip the balance. The identity start keeps the map from
  // moving along the segment, which costs little and is hardly corrected later. R1 and larger batches calm the
  // potential.
  auto& r = out.recipe;
  r.section<ot::OtpOptions>().eps_start = 1.0;
  r.section<ot::OtpOptions>().eps_end = "0.2";
  r.map.residual = r.map.zero_last = r.potential.zero_last = true;
  r.potential.r1 = 0.2;
  r.train.batch = 512;
  out.w2_squared = 1;
  return out;
}

TruthCase multi_perpendicular(const TruthOptions& options) {
  TruthCase out;
  out.dim = dim_of(options, "multi-perpendicular", 2, 2, 2);
  out.recipe = thin("multi_perpendicular?", options);
  out.w2_squared = 5.0 / 12;
  return out;
}

TruthCase parallel(const TruthOptions& options) {
  TruthCase out;
  out.dim = dim_of(options, "parallel", 2, 2, 4096, /*even=*/true);
  out.recipe = thin("parallel?dim=" + std::to_string(out.dim) + "&", options);
  out.w2_squared = 1;
  out.map = [](const torch::Tensor& x) {
    auto y = x.clone();
    y.select(1, -1) += 1;
    return y;
  };
  out.target_variance = static_cast<double>(out.dim) / 6;  // D/2 coordinates of variance 1/3
  return out;
}

TruthCase to_plane_law(const std::string& name, const std::string& target, const TruthOptions& options) {
  TruthCase out;
  out.dim = dim_of(options, name, 2, 2, 2);
  out.recipe = base("strong", "toy:gaussian?std=0.5", target);
  out.recipe.map.residual = out.recipe.map.zero_last = true;
  out.recipe.map.width = out.recipe.potential.width = 128;
  out.recipe.train.lr_map = out.recipe.train.lr_potential = 5e-4;
  out.recipe.train.iterations = options.quick ? 600 : 2000;
  return out;
}

/// Gradient maps in both directions, by dimension; docs/benchmarks.md has the trials.
void train_gradient_maps(Recipe& r, int64_t dim) {
  r.map.net = "gradient";
  r.map.quadratic = r.potential.quadratic = r.map.zero_last = r.potential.zero_last = true;
  r.map.activation = r.potential.activation = "elu";
  const bool few = dim < 8, many = dim >= 32;
  r.map.width = r.potential.width = few ? 128 : 256;
  r.potential.expectile = 0.03;
  r.potential.expectile_scale = "none";
  r.potential.expectile_level = 0.9;
  r.potential.weight = many ? 0.3 : 1;
  r.train.update = "simultaneous";
  r.train.directions = "both";
  r.train.k_t = 1;
  r.train.optimiser = "soap";
  r.train.betas = {0.9, 0.9};
  r.train.batch = few ? 1024 : 512;
  r.train.lr_map = r.train.lr_potential = 5e-3;
  r.train.ema = few ? 0.998 : 0.999;
  r.train.iterations = few ? 24'000 : 12'000;
  r.train.threads = 0;
}

/// An ordinary map net, for the methods other than strong.
void train_ordinary_map(Recipe& r, int64_t dim) {
  r.map.net = "auto";
  r.map.quadratic = false;
  r.map.activation = r.potential.activation = "silu";
  r.map.residual = true;
  r.potential.expectile = 0;
  r.potential.weight = 1;
  r.train.update = "alternating";
  r.train.directions = "forward";
  r.train.optimiser = "adam";
  r.train.k_t = 5;
  r.train.betas = {0.5, 0.9};
  r.train.lr_map = dim < 32 ? 1e-3 : 5e-4;
  r.train.lr_potential = dim < 32 ? 1e-3 : 3e-4;
  r.train.iterations = dim < 8 ? 16'000 : dim < 32 ? 36'000 : 18'000;
  r.train.threads = 1;
}

TruthCase entropic_mixture(const TruthOptions& options) {
  TruthCase out;
  out.dim = dim_of(options, "entropic-mixture", 16, 1, 256);
  const double epsilon = options.epsilon == 0 ? 1 : options.epsilon;
  const auto dim = std::to_string(out.dim);
  const auto target = "toy:entropic_mixture?dim=" + dim + "&epsilon=" + number(epsilon);
  out.recipe = base("light", "toy:gaussian?dim=" + dim, target);
  auto& light = out.recipe.section<ot::LightOptions>();
  light.epsilon = epsilon;
  light.components = 20;
  out.recipe.train.batch = 256;
  out.recipe.train.betas = {0.9, 0.99};
  out.recipe.train.ema = 0.998;
  out.recipe.train.iterations = options.quick ? 300 : 2000;
  out.cost_kind = ot::CostKind::other;
  out.plan = std::dynamic_pointer_cast<const data::EntropicMixture>(data::open_toy(target));
  out.map = [plan = out.plan](const torch::Tensor& x) { return plan->plan(x).mean(); };
  const RandomStreams streams(0);
  const auto x = torch::randn({1 << 14, out.dim}, streams.at("truth entropic x", 0));
  const auto y = out.plan->plan_draw(x, streams.at("truth entropic y", 0));
  out.target_variance = y.var(0, /*unbiased=*/true).sum().item<double>();
  out.plan_variance = mean_square_gap(y, out.map(x)) / static_cast<double>(out.dim);
  out.w2_squared = mean_square_gap(x, y);
  return out;
}

TruthCase w2bench(const TruthOptions& options) {
  if (options.pair.empty()) {
    throw InputError({.what = "the case \"w2bench\" needs a pair",
                      .where = user_word("TruthOptions::pair"),
                      .value = "nothing",
                      .allowed = "a .safetensors file of the Wasserstein-2 benchmark"});
  }
  require(options.pair.find('?') == std::string::npos, user_word("TruthOptions::pair"), " ", options.pair,
          ": a recipe cannot hold a path with a ?; rename the file");
  const auto pair = data::W2Benchmark::load(options.pair);
  TruthCase out;
  out.dim = dim_of(options, "w2bench", pair->dim(), pair->dim(), pair->dim());
  out.recipe = base("strong", "w2bench:" + options.pair + "?side=source", "w2bench:" + options.pair + "?side=target");
  train_gradient_maps(out.recipe, out.dim);
  if (!options.method.empty() && options.method != "strong") train_ordinary_map(out.recipe, out.dim);
  if (options.quick) out.recipe.train.iterations = 300;
  out.map = [pair](const torch::Tensor& x) { return pair->map(x); };
  out.target_variance = pair->out_var();
  // The mean cost of the map itself, on samples that no training draws.
  const auto x = pair->draw(1 << 16, RandomStreams(0).at("truth w2bench cost", 0));
  out.w2_squared = (pair->map(x) - x).square().sum(1).to(torch::kFloat64).mean().item<double>();
  return out;
}

using Factory = TruthCase (*)(const TruthOptions& options);

const Registry<Factory>& registry() {
  static const Registry<Factory> cases(
      "case", {{"gaussian", gaussian},
               {"line", line},
               {"weak-gaussian", weak_gaussian},
               {"perpendicular", perpendicular},
               {"one-to-many", one_to_many},
               {"multi-perpendicular", multi_perpendicular},
               {"parallel", parallel},
               {"mixture8", [](const TruthOptions& o) { return to_plane_law("mixture8", "toy:mixture8", o); }},
               {"moons", [](const TruthOptions& o) { return to_plane_law("moons", "toy:moons", o); }},
               {"entropic-mixture", entropic_mixture},
               {"w2bench", w2bench}});
  return cases;
}

}  // namespace

std::vector<std::string> truth_names() { return registry().ordered(); }

TruthCase truth_case(const std::string& name, const TruthOptions& options) {
  auto out = registry().at(name)(options);
  out.name = name;
  // The cost of a single plan depends on its random samples, in few dimensions by as much as the cost itself: two
  // samples of a target with two branches seldom split alike.
  out.repeats = !options.quick && out.dim <= 16 ? 48 : 8;
  if (!options.method.empty()) out.recipe.options().set("method", options.method, user_word("TruthOptions::method"));
  if (solve::make_method(out.recipe)->has_closed_form()) {
    out.recipe.train.k_t = 1;  // it trains no map
    out.recipe.train.lr_map = 1e-2;
  }
  require(options.epsilon == 0 || out.plan, user_word("TruthOptions::epsilon"), " ", options.epsilon, ": the case \"",
          name, "\" has no entropy; leave it out");
  // The answer holds for the case's own cost alone, and an entropic plan for a method with an entropy.
  const auto method = solve::make_method(out.recipe);
  const auto given = method->cost_kind();
  out.squared_cost = given == ot::CostKind::squared;
  if (given != out.cost_kind || (out.plan && !method->has_closed_form())) {
    out.w2_squared = out.plan_variance = std::numeric_limits<double>::quiet_NaN();
    out.map = nullptr;
    out.plan = nullptr;
  }
  return out;
}

}  // namespace monge::eval

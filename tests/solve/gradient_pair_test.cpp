// The losses of two gradient maps, and the updates of solvers with a simultaneous update or both directions.
#include "monge/ot/gradient_pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

#include "monge/nn/gradient_map.h"
#include "monge/nn/mlp.h"
#include "monge/ot/cost.h"
#include "monge/ot/regulariser.h"
#include "monge/solve/nets.h"
#include "monge/solve/solver.h"
#include "tests/support/support.h"

namespace monge::solve {
namespace {

using ::testing::HasSubstr;

constexpr double kTau = 0.7;

std::shared_ptr<nn::MlpPotential> potential_net(int64_t seed) {
  torch::manual_seed(static_cast<uint64_t>(seed));
  auto net = std::make_shared<nn::MlpPotential>(
      nn::MlpPotentialOptions{.dim = 3, .mlp = {.hidden = {12, 12}, .activation = "elu"}, .quadratic = true});
  net->to(torch::kFloat64);
  return net;
}

ot::GradientPotential pass_of(const std::shared_ptr<nn::MlpPotential>& net) {
  return [net](const torch::Tensor& points) {
    const auto out = net->value_and_gradient(points);
    return std::pair{out.value_B, out.gradient_BD};
  };
}

torch::Tensor batch(const char* side) { return torch::randn({9, 3}, RandomStreams(4).at(side, 0)).to(torch::kFloat64); }

std::vector<torch::Tensor> gradients(const torch::Tensor& loss, const std::vector<torch::Tensor>& of) {
  auto out = torch::autograd::grad({loss}, of, {}, /*retain_graph=*/true, /*create_graph=*/false,
                                   /*allow_unused=*/true);
  for (size_t i = 0; i < of.size(); ++i) {
    if (!out[i].defined()) out[i] = torch::zeros_like(of[i]);
  }
  return out;
}

// Each term written as the paper has it, by autograd through the values alone.
TEST(GradientPair, HasTheGradientsOfTheTermsOneByOne) {
  const auto g = potential_net(1), f = potential_net(2);
  const auto x = batch("x"), y = batch("y");
  const auto map_of = [](const std::shared_ptr<nn::MlpPotential>& net, const torch::Tensor& points) {
    const auto leaf = points.detach().clone().requires_grad_(true);
    const auto gradient = torch::autograd::grad({net->forward(leaf).sum()}, {leaf}, {}, true, true)[0];
    return points - gradient / (2 * kTau);
  };
  const double weight = 0.3, level = 0.9, r1 = 0.2;
  for (const bool both : {false, true}) {
    const ot::GradientPairOptions options{
        .tau = kTau, .potential_weight = 0.4, .expectile = weight, .expectile_level = level, .r1 = r1, .both = both};
    const auto found = ot::gradient_pair_loss(pass_of(g), pass_of(f), x, y, options);
    // Over the net of the map, L_T; over that of the potential, L_f, with T without gradient.
    const auto terms = [&](const auto& map_net, const auto& potential, const auto& from, const auto& to) {
      const auto output = map_of(map_net, from);
      const auto over_map = (ot::squared_cost(from, output, kTau) - potential->forward(output)).mean();
      const auto reached = output.detach();
      const auto fake = potential->forward(reached), real = potential->forward(to);
      const auto over_potential =
          (fake - real).mean() +
          weight * ot::expectile_penalty(ot::squared_cost(from, reached, kTau), fake, ot::squared_cost(from, to, kTau),
                                         real, level, torch::ones({}, torch::kFloat64)) +
          r1 * ot::r1_penalty([&](const torch::Tensor& at) { return potential->forward(at); }, to);
      return std::pair{over_map, 0.4 * over_potential};
    };
    const auto [map_forward, potential_forward] = terms(g, f, x, y);
    const auto [map_back, potential_back] = terms(f, g, y, x);
    for (const auto& [net, as_map, as_potential] :
         {std::tuple{g, map_forward, potential_back}, {f, map_back, potential_forward}}) {
      const auto parameters = net->parameters();
      const auto mine = gradients(found.total, parameters);
      const bool is_f = net == f;
      const auto map_part = gradients(as_map, parameters), potential_part = gradients(as_potential, parameters);
      for (size_t i = 0; i < parameters.size(); ++i) {
        const auto expected = both ? map_part[i] + potential_part[i] : is_f ? potential_part[i] : map_part[i];
        EXPECT_LT((mine[i] - expected).abs().max().item<double>(), 1e-12)
            << "both " << both << " f " << is_f << " " << i;
      }
    }
    EXPECT_NEAR(found.map.item<double>(), map_forward.item<double>(), 1e-12);
    EXPECT_NEAR(found.potential.item<double>(), (f->forward(map_of(g, x)) - f->forward(y)).mean().item<double>(),
                1e-12);
    EXPECT_NEAR(found.cost.item<double>() - found.fake.item<double>(), map_forward.item<double>(), 1e-12);
  }
}

SolverOptions plain() {
  SolverOptions options;
  options.map.width = options.potential.width = 12;
  options.map.depth = options.potential.depth = 2;
  options.train.k_t = 1;
  options.train.batch = 8;
  options.train.lr_map = options.train.lr_potential = 1e-2;
  options.train.iterations = 10;
  options.train.ema = 0.9;
  return options;
}

std::unique_ptr<Solver> solver_of(const SolverOptions& options) {
  validate(options);
  return std::make_unique<Solver>(options, make_nets(options, {3}, {3}), 3, torch::kCPU);
}

BatchProvider batches() {
  return {[](int64_t step) { return torch::randn({8, 3}, RandomStreams(1).at("x", step)); },
          [](int64_t step) { return torch::randn({8, 3}, RandomStreams(1).at("y", step)) + 1; }};
}

std::map<std::string, torch::Tensor> by_name(const Solver& solver) {
  std::map<std::string, torch::Tensor> out;
  for (const auto& [name, tensor] : solver.state()) out.emplace(name, tensor.detach().clone());
  return out;
}

// The potential's gradient belongs to the map before its update, and both to one batch.
TEST(SimultaneousUpdate, TakesBothGradientsFromTheNetsBeforeIt) {
  auto options = plain();
  const auto before = solver_of(options), other = solver_of(options);
  before->map_update(batches().source(0), {}, 0);
  other->potential_update(batches().source(0), batches().target(0), {}, 0);
  options.train.update = "simultaneous";
  const auto solver = solver_of(options);
  const auto metrics = solver->outer_iteration(0, batches());
  EXPECT_TRUE(std::isfinite(metrics.loss_potential));
  const auto state = by_name(*solver), map = by_name(*before), potential = by_name(*other);
  for (const auto& [name, tensor] : state) {
    if (name.starts_with("map/")) EXPECT_TRUE(torch::equal(tensor, map.at(name))) << name;
    if (name.starts_with("potential/")) EXPECT_TRUE(torch::equal(tensor, potential.at(name))) << name;
  }
}

// Without the second direction the forward nets of a training in both are the same.
TEST(BothDirections, OfOrdinaryMapsTrainTheReversedProblemBesides) {
  auto options = plain();
  options.train.directions = "both";
  const auto both = solver_of(options);
  both->outer_iteration(0, batches());
  options.train.directions = "forward";
  const auto alone = solver_of(options);
  // With both directions a potential update takes the last target batch of the iteration, here batch 1.
  alone->outer_iteration(0, {batches().source, [](int64_t) { return batches().target(1); }});
  const auto state = by_name(*both);
  for (const auto& [name, tensor] : by_name(*alone)) EXPECT_TRUE(torch::equal(tensor, state.at(name))) << name;
  for (const char* name : {"inverse_map/0.weight", "inverse_ema/0.weight", "inverse_potential/0.weight",
                           "adam_inverse_map/exp_avg/0.weight"})
    EXPECT_EQ(state.count(name), 1U) << name;
  EXPECT_FALSE(torch::equal(state.at("inverse_map/0.weight"), state.at("map/0.weight")));
  EXPECT_GT(state.at("adam_inverse_map/exp_avg_sq/0.weight").abs().max().item<double>(), 0);
}

SolverOptions pair_options() {
  auto options = plain();
  options.map.net = "gradient";
  options.map.activation = options.potential.activation = "elu";
  options.map.quadratic = options.potential.quadratic = true;
  options.potential.expectile = 0.3;
  options.train.update = "simultaneous";
  options.train.directions = "both";
  return options;
}

TEST(BothDirections, OfGradientMapsHaveTwoNetsInAll) {
  const auto solver = solver_of(pair_options());
  solver->outer_iteration(0, batches());
  const auto state = by_name(*solver);
  EXPECT_TRUE(torch::equal(state.at("inverse_map/potential.0.weight"), state.at("potential/0.weight")));
  EXPECT_EQ(state.count("inverse_potential/0.weight"), 0U);
  EXPECT_EQ(state.count("adam_inverse_map/step"), 0U);
  EXPECT_EQ(state.count("inverse_ema/potential.0.weight"), 1U);
  // Alternating updates train them, too.
  auto options = pair_options();
  options.train.update = "alternating";
  const auto alternating = solver_of(options);
  const auto start = by_name(*alternating);
  alternating->outer_iteration(0, batches());
  const auto end = by_name(*alternating);
  for (const char* name : {"map/potential.0.weight", "potential/0.weight"})
    EXPECT_FALSE(torch::equal(end.at(name), start.at(name))) << name;
}

TEST(BothDirections, OfGradientMapsFindTheMapBetweenGaussiansAndItsInverse) {
  auto options = pair_options();
  options.map.zero_last = options.potential.zero_last = true;
  options.train.iterations = 400;
  options.train.schedule = "cosine";
  options.train.betas = {0.9, 0.9};
  const auto scale = torch::tensor({2.0F, 0.5F, 1.0F});
  const BatchProvider gaussians{
      [](int64_t step) { return torch::randn({256, 3}, RandomStreams(1).at("x", step)); },
      [&](int64_t step) { return torch::randn({256, 3}, RandomStreams(1).at("y", step)) * scale + 1; }};
  options.cost.scale = "half";
  const auto solver = solver_of(options);
  for (int64_t k = 0; k < options.train.iterations; ++k) solver->outer_iteration(k, gaussians);
  const torch::NoGradGuard no_grad;
  const auto x = gaussians.source(100'000), y = x * scale + 1;
  EXPECT_LT((solver->averaged_map()->forward(x) - y).square().sum(1).mean().item<double>(), 0.02 * 5.25);
  EXPECT_LT((solver->averaged_inverse_map()->forward(y) - x).square().sum(1).mean().item<double>(), 0.02 * 3);
}

TEST(BothDirections, ExplainWhatDoesNotFit) {
  const auto message = [](auto change) {
    auto options = pair_options();
    change(options);
    return testing::message_of([&] { solver_of(options); });
  };
  EXPECT_THAT(message([](auto& o) { o.method = "weak"; }), HasSubstr("method = \"strong\""));
  EXPECT_THAT(message([](auto& o) { o.train.k_t = 2; }), HasSubstr("set train.k_t = 1"));
  EXPECT_THAT(message([](auto& o) { o.map.residual = true; }), HasSubstr("leave map.residual out"));
  EXPECT_THAT(message([](auto& o) { o.map.activation = "relu"; }), HasSubstr("set map.activation = \"elu\""));
  EXPECT_THAT(message([](auto& o) { o.potential.activation = "leaky_relu"; }),
              HasSubstr("set potential.activation = \"elu\""));
  EXPECT_THAT(message([](auto& o) { o.train.precision = "fp16"; }), HasSubstr("train.precision = \"bf16\""));
  EXPECT_THAT(message([](auto& o) { o.method = "noised"; }), HasSubstr("set train.directions = \"forward\""));
  auto forward = plain();
  const auto refused = [&](auto change) {
    auto options = plain();
    change(options);
    return testing::message_of([&] { validate(options); });
  };
  EXPECT_THAT(refused([](auto& o) { o.potential.weight = 0.5; }), HasSubstr("map.net = \"gradient\""));
  EXPECT_THAT(refused([](auto& o) { o.map.quadratic = true; }), HasSubstr("map.quadratic"));
  EXPECT_THAT(refused([](auto& o) { o.method = "light", o.train.k_t = 2; }), HasSubstr("set train.k_t = 1"));
  auto light = plain();
  light.method = "light";
  light.map.net = "mlp";
  EXPECT_THAT(testing::message_of([&] { solver_of(light); }), HasSubstr("map.net"));
  light.map.net = "auto";
  light.train.directions = "both";
  EXPECT_THAT(testing::message_of([&] { solver_of(light); }), HasSubstr("exchange source and target"));
  const auto solver = solver_of(forward);
  EXPECT_THAT(testing::message_of([&] { solver->averaged_inverse_map(); }), HasSubstr("train.directions = \"both\""));
}

TEST(GradientMaps, OfAnIcnnTrainInBothDirections) {
  auto options = pair_options();
  options.map.gradient_of = "icnn";
  options.potential.net = "icnn";
  const auto solver = solver_of(options);
  const auto before = by_name(*solver);
  for (int64_t k = 0; k < 3; ++k) EXPECT_TRUE(std::isfinite(solver->outer_iteration(k, batches()).loss_map));
  const auto after = by_name(*solver);
  for (const char* name : {"map/potential.pass.1", "potential/pass.1"})
    EXPECT_FALSE(torch::equal(after.at(name), before.at(name))) << name;
}

}  // namespace
}  // namespace monge::solve

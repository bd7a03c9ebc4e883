// Trainings with a simultaneous update or with both directions: exact resume, the captured form, and several ranks.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>

#include "monge/eval/evaluation.h"
#include "monge/model/model.h"
#include "monge/solve/nets.h"
#include "monge/solve/solver.h"
#include "tests/support/ranks.h"
#include "tests/support/support.h"
#include "tests/train/short_run.h"

namespace monge::train {
namespace {

/// A kind of training by its settings over recipe_for.
struct Kind {
  std::string name, method;
  bool image = false;
  std::vector<std::string> settings;
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

Recipe recipe_of(const Kind& kind) {
  auto recipe = recipe_for(kind.method, kind.image);
  recipe.section<ot::OtpOptions>().eps_end = "0.1";
  assign(recipe, kind.settings);
  validate(recipe);
  return recipe;
}

const std::vector<std::string> kPair{"map.net=\"gradient\"",      "map.activation=\"elu\"",
                                     "map.quadratic=true",        "potential.activation=\"elu\"",
                                     "potential.quadratic=true",  "train.update=\"simultaneous\"",
                                     "train.directions=\"both\"", "train.k_t=1"};

std::vector<std::string> pair_and(const std::string& setting) {
  auto out = kPair;
  out.push_back(setting);
  return out;
}

/// The same with enough terms and rows to fill the tiles of matrix units.
std::vector<std::string> wide_pair_and(const std::string& setting) {
  auto out = pair_and(setting);
  out.insert(out.end(), {"map.width=40", "potential.width=40", "train.batch=32"});
  return out;
}

const std::vector<std::string> kUnbalanced{"unbalanced.source=\"softplus\"", "unbalanced.target=\"kl\"",
                                           "unbalanced.alpha=2", "unbalanced.alpha_start=0.2",
                                           "unbalanced.alpha_iters=12"};

std::vector<Kind> kinds() {
  return {{"pair", "strong", false, kPair},
          {"pair_smoothed", "otp", false, pair_and("otp.cost=\"strong\"")},
          {"pair_pieces", "strong", false, pair_and("train.accumulate=2")},
          {"pair_published_scale", "strong", false, pair_and("potential.expectile_scale=\"none\"")},
          {"pair_forward", "strong", false, pair_and("train.directions=\"forward\"")},
          {"pair_alternating", "strong", false, pair_and("train.update=\"alternating\"")},
          {"pair_of_icnns", "strong", false, pair_and("map.gradient_of=\"icnn\"")},
          {"pair_bf16x6", "strong", false, wide_pair_and("train.precision=\"bf16x6\"")},
          {"simultaneous", "strong", false, {"train.update=\"simultaneous\"", "train.k_t=1"}},
          {"both", "strong", false, {"train.directions=\"both\""}},
          {"both_weak", "weak", false, {"train.directions=\"both\""}},
          {"both_otp", "otp", false, {"train.directions=\"both\""}},
          {"both_images", "weak", true, {"train.directions=\"both\""}},
          {"simultaneous_images",
           "noised",
           true,
           {"train.update=\"simultaneous\"", "train.directions=\"both\"", "train.k_t=1"}},
          {"soap", "otp", false, {"train.optimiser=\"soap\"", "train.basis_every=3"}},
          {"soap_pair", "strong", false, pair_and("train.optimiser=\"soap\"")},
          {"soap_images", "weak", true, {"train.optimiser=\"soap\"", "train.basis_every=4"}},
          {"unbalanced", "strong", false, kUnbalanced},
          {"unbalanced_images", "strong", true, kUnbalanced},
          {"unbalanced_both",
           "otp",
           false,
           {"otp.cost=\"strong\"", "train.directions=\"both\"", "unbalanced.source=\"kl\""}},
          {"unbalanced_pair", "strong", false, pair_and("unbalanced.target=\"chi2\"")},
          {"light", "light", false, {"train.k_t=1", "light.components=5", "cost.scale=\"half\""}},
          {"light_pieces", "light", false, {"train.k_t=1", "light.components=5", "train.accumulate=2"}}};
}

Kind kind_named(const std::string& name) {
  const auto all = kinds();
  return *std::find_if(all.begin(), all.end(), [&](const Kind& kind) { return kind.name == name; });
}

class Directions : public ::testing::TestWithParam<Kind> {};

TEST_P(Directions, ResumeToTheBit) {
  const auto& kind = GetParam();
  const std::atomic<bool> go{false};
  testing::ScratchFolder straight, broken;
  const auto recipe = recipe_of(kind);
  auto whole = trainer_in(straight.path(), recipe, kind.image);
  EXPECT_TRUE(whole.run(go));
  std::atomic<bool> stop{false};
  StopAt watcher(10, stop);
  {
    auto half = trainer_in(broken.path(), recipe, kind.image);
    half.attach(watcher);
    EXPECT_FALSE(half.run(stop));
  }
  auto rest = trainer_in(broken.path(), recipe, kind.image);
  rest.resume(load_newest(broken.path() / "checkpoints", silent()));
  EXPECT_TRUE(rest.run(go));
  const auto a = whole.solver().state(), b = rest.solver().state();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(torch::equal(a[i].second, b[i].second)) << a[i].first;
}

TEST_P(Directions, LeaveTheSameBitsInTheCapturedForm) {
  const auto& kind = GetParam();
  auto recipe = recipe_of(kind);
  std::vector<nn::NamedTensors> ends;
  for (const char* graph : {"off", "on"}) {
    recipe.train.graph = graph;
    auto trainer = trainer_in("", recipe, kind.image);
    EXPECT_TRUE(trainer.run(std::atomic<bool>{false}));
    ends.emplace_back();
    for (const auto& [name, tensor] : trainer.solver().state()) ends.back().emplace_back(name, tensor.clone());
  }
  for (size_t i = 0; i < ends[0].size(); ++i)
    EXPECT_TRUE(torch::equal(ends[0][i].second, ends[1][i].second)) << ends[0][i].first;
}

/// The root's state after eight iterations of `ranks` ranks in fp64.
nn::NamedTensors trained_by(const Kind& kind, int64_t ranks) {
  auto recipe = recipe_of(kind);
  recipe.train.precision = "fp64";
  recipe.train.batch = 8;
  if (kind.image) recipe.map.norm = "group", recipe.map.depth = 2;
  const std::vector<int64_t> shape = kind.image ? std::vector<int64_t>{3, 16, 16} : std::vector<int64_t>{2};
  nn::NamedTensors out;
  testing::run_ranks(ranks, [&](dist::ProcessGroup& group) {
    solve::Solver solver(recipe, solve::make_nets(recipe, shape, shape), kind.image ? 768 : 2, torch::kCPU, group);
    const auto slice = dist::slice_of_batch(8, group);
    const auto side = [&](const char* name) {
      auto whole = shape;
      whole.insert(whole.begin(), 8);
      return [=](int64_t step) {
        return torch::randn(whole, RandomStreams(1).at(name, step))
            .clamp(-1, 1)
            .to(torch::kFloat64)
            .narrow(0, slice.begin, slice.length)
            .contiguous();
      };
    };
    for (int64_t k = 0; k < 8; ++k) solver.outer_iteration(k, {side("x"), side("y")});
    group.require_same("the nets", std::to_string(solver.fingerprint()));
    if (!group.is_root()) return;
    for (const auto& [name, tensor] : solver.state()) out.emplace_back(name, tensor.detach().clone());
  });
  return out;
}

TEST_P(Directions, TrainAlikeOnSeveralRanks) {
  const auto& kind = GetParam();
  const auto one = trained_by(kind, 1);
  for (const int64_t ranks : {2, 4}) {
    if (kind.name.ends_with("_pieces") && ranks == 4) continue;  // a rank's batch of two in two pieces has its own test
    const auto several = trained_by(kind, ranks);
    ASSERT_EQ(one.size(), several.size());
    for (size_t i = 0; i < one.size(); ++i) {
      const auto a = one[i].second.to(torch::kFloat64), b = several[i].second.to(torch::kFloat64);
      EXPECT_LT((a - b).norm().item<double>(), 1e-6 * std::max(a.norm().item<double>(), 1e-6)) << one[i].first;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Directions, ::testing::ValuesIn(kinds()),
                         [](const auto& info) { return info.param.name; });

// Checkpoint and export hold both maps, and the inverse has the units of the two sides exchanged.
TEST(InverseMap, IsLoadedFromCheckpointAndExport) {
  for (const auto& kind : {kind_named("pair"), kind_named("both")}) {
    testing::ScratchFolder folder;
    auto recipe = recipe_of(kind);
    recipe.data.standardise = "each";
    auto data = data_for(false);
    const data::Columns units{torch::tensor({1.0, -2.0}, torch::kFloat64), torch::tensor({3.0, 0.5}, torch::kFloat64)};
    const data::Columns other{torch::tensor({0.0, 5.0}, torch::kFloat64), torch::tensor({1.0, 2.0}, torch::kFloat64)};
    data.standardisation = data::Standardisation{units, other};
    Trainer trainer(recipe, data, torch::kCPU, folder.path(), silent());
    EXPECT_TRUE(trainer.run(std::atomic<bool>{false}));
    const auto saved = model::load_model(folder.path(), torch::kCPU, silent());
    model::export_safetensors(saved, folder.path() / "both.safetensors");
    const auto exported = model::load_model(folder.path() / "both.safetensors", torch::kCPU, silent());
    const auto y = torch::tensor({{0.5, 6.0}, {-1.0, 3.0}}, torch::kFloat64);
    const auto draw = [&](const model::Model& model) { return model.translate(y, 1, RandomStreams(1).at("z", 0)); };
    const auto back = draw(saved.inverse());
    EXPECT_TRUE(torch::equal(back, draw(exported.inverse())));
    const auto standard = ((y - other.mean) / other.scale).to(torch::kFloat32);
    const torch::NoGradGuard no_grad;
    const auto expected =
        trainer.solver().averaged_inverse_map()->forward(standard).to(torch::kFloat64) * units.scale + units.mean;
    EXPECT_LT((back.select(1, 0) - expected).abs().max().item<double>(), 1e-6);
    EXPECT_TRUE(torch::equal(draw(saved.inverse().inverse()), draw(saved)));
  }
}

// The metrics of the inverse: those of a map that is undone exactly are known.
TEST(InverseMap, IsPartOfEveryEvaluation) {
  auto recipe = recipe_of(kind_named("both"));
  recipe.map.residual = recipe.map.zero_last = true;
  auto trainer = trainer_in("", recipe, false);
  auto model = model::model_of(trainer);  // both maps are the identity
  const auto data = data_for(false);
  const auto identity = eval::evaluate(model, *data.source, *data.target, *data.target, 20, 0);
  EXPECT_EQ(identity.value("cycle_error"), 0);
  EXPECT_TRUE(std::isfinite(identity.value("inverse_error")));
  EXPECT_GT(identity.value("inverse_floor"), 0);
  EXPECT_TRUE(trainer.run(std::atomic<bool>{false}));
  const auto trained = eval::evaluate(model, *data.source, *data.target, *data.target, 20, 0);
  EXPECT_GT(trained.value("cycle_error"), 0);
  model.inverse_net = nullptr;
  EXPECT_TRUE(std::isnan(eval::evaluate(model, *data.source, *data.target, *data.target, 20, 0).value("cycle_error")));
}

// The check of the map's size holds for the inverse too: a recipe may name any width.
TEST(InverseMap, OfAFileIsNotBuiltWiderThanItsTensors) {
  testing::ScratchFolder folder;
  auto recipe = recipe_of(kind_named("pair"));
  Trainer trainer(recipe, data_for(false), torch::kCPU, folder.path(), silent());
  EXPECT_TRUE(trainer.run(std::atomic<bool>{false}));
  auto model = model::load_model(folder.path(), torch::kCPU, silent());
  model.recipe->potential.width = 60'000;
  model.recipe->potential.depth = 60;
  model::export_safetensors(model, folder.path() / "wide.safetensors");
  const auto message =
      testing::message_of([&] { model::load_model(folder.path() / "wide.safetensors", torch::kCPU, silent()); });
  EXPECT_NE(message.find("potential.width = 60000"), std::string::npos) << message;
}

TEST(InverseMap, OfATrainingInOneDirectionIsAnError) {
  testing::ScratchFolder folder;
  auto trainer = trainer_in(folder.path(), recipe_for("strong", false), false);
  EXPECT_TRUE(trainer.run(std::atomic<bool>{false}));
  const auto model = model::load_model(folder.path(), torch::kCPU, silent());
  EXPECT_NE(testing::message_of([&] { model.inverse(); }).find("train.directions = \"both\""), std::string::npos);
}

TEST(Light, NeedsATargetSampleForEachComponent) {
  auto recipe = recipe_for("light", false);
  assign(recipe, {"train.k_t=1", "light.components=24"});
  auto trainer = trainer_in("", recipe, false);
  const auto message = testing::message_of([&] { trainer.run(std::atomic<bool>{false}); });
  EXPECT_NE(message.find("light.components"), std::string::npos) << message;
  EXPECT_NE(message.find("at most 23"), std::string::npos) << message;
}

}  // namespace
}  // namespace monge::train

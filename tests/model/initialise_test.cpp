// Trainings that start from the weights of another one.
#include "monge/model/initialise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/io/safetensors.h"
#include "monge/io/torch_checkpoint.h"
#include "monge/model/model.h"
#include "tests/train/short_run.h"

namespace monge::model {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;

/// A recipe of another training (seed, rate, length) with the nets of `run`.
train::Recipe tuning_of(const train::Recipe& before, const std::string& init) {
  auto recipe = before;
  recipe.train.init = init;
  recipe.train.seed = 77;
  recipe.train.lr_map = 1e-3;
  recipe.train.iterations = 8;
  return recipe;
}

StartingState start_of(const train::Recipe& recipe, bool image = false) {
  const std::vector<int64_t> shape = image ? std::vector<int64_t>{3, 16, 16} : std::vector<int64_t>{2};
  return starting_state(read_initial_weights(recipe, silent()), recipe, shape, shape);
}

std::string messages_of(const StartingState& start) {
  std::string out;
  for (const auto& [level, line] : start.messages) out += (level == LogLevel::warning ? "warning: " : "") + line + '\n';
  return out;
}

/// The part of the state under `prefix`.
nn::NamedTensors part(const nn::NamedTensors& state, const std::string& prefix) {
  nn::NamedTensors out;
  for (const auto& [name, tensor] : state) {
    if (name.starts_with(prefix)) out.emplace_back(name.substr(prefix.size()), tensor.clone());
  }
  return out;
}

void expect_equal(const nn::NamedTensors& a, const nn::NamedTensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    EXPECT_TRUE(torch::equal(a[i].second, b[i].second)) << a[i].first;
  }
}

TEST(Initialise, TakesMapAveragePotentialOfARunAndFreshMoments) {
  const train::ShortRun run;
  const auto recipe = tuning_of(run.recipe, run.folder.path().string());
  const auto start = start_of(recipe);
  testing::ScratchFolder folder;
  auto trainer = train::trainer_in(folder.path(), recipe, false);
  trainer.start_from(start.tensors);
  const auto state = trainer.solver().state(), before = train::load_newest(run.checkpoints(), silent()).tensors;
  for (const char* prefix : {"map/", "ema/", "potential/"}) {
    auto expected = part(before, prefix), found = part(state, prefix);
    std::sort(expected.begin(), expected.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    expect_equal(expected, found);
  }
  for (const auto& [name, tensor] : state) {
    if (name.starts_with("adam_") && name.find("exp_avg") != std::string::npos) {
      EXPECT_EQ(tensor.abs().sum().item<double>(), 0) << name;
    }
  }
  EXPECT_EQ(trainer.done(), 0);
  EXPECT_THAT(messages_of(start),
              AllOf(HasSubstr("(iteration 6, XXH3 of the weights "),
                    HasSubstr("loads the map, its average and the potential;"), Not(HasSubstr("warning"))));
}

// Warming up must not discard the inherited average in the first iterations, as it does one of random weights.
TEST(Initialise, TheAverageKeepsItsWeight) {
  const train::ShortRun run;
  auto recipe = tuning_of(run.recipe, run.folder.path().string());
  recipe.train.iterations = 1;
  recipe.train.ema = 0.999;
  const auto start = start_of(recipe);
  testing::ScratchFolder folder;
  auto trainer = train::trainer_in(folder.path(), recipe, false);
  trainer.start_from(start.tensors);
  const auto average = part(start.tensors, "ema/");
  trainer.run(std::atomic<bool>{false});
  const auto map = part(trainer.solver().state(), "map/"), after = part(trainer.solver().state(), "ema/");
  for (size_t i = 0; i < after.size(); ++i) {
    const auto& [name, tensor] = after[i];
    const auto before =
        std::find_if(average.begin(), average.end(), [&](const auto& entry) { return entry.first == name; })->second;
    EXPECT_TRUE(torch::allclose(tensor, 0.999 * before + 0.001 * map[i].second, 1e-5, 1e-7)) << name;
  }
}

TEST(Initialise, ResumesBitForBitWithoutTheWeightsItStartedFrom) {
  for (const bool image : {false, true}) {
    testing::ScratchFolder first, straight, broken;
    auto recipe = train::recipe_for(image ? "weak" : "strong", image);
    recipe.train.iterations = 1;
    train::trainer_in(first.path(), recipe, image).run(std::atomic<bool>{false});
    recipe = tuning_of(recipe, first.path().string());
    recipe.train.iterations = 4;
    const auto start = start_of(recipe, image);
    auto whole = train::trainer_in(straight.path(), recipe, image);
    whole.start_from(start.tensors);
    whole.run(std::atomic<bool>{false});
    {
      std::atomic<bool> stop{false};
      struct StopAtTwo : train::Observer {
        explicit StopAtTwo(std::atomic<bool>& flag) : stop(flag) {}
        void iteration_done(train::Trainer&, int64_t done, const solve::IterationMetrics&) override {
          stop = done == 2;
        }
        std::atomic<bool>& stop;
      } watcher(stop);
      auto half = train::trainer_in(broken.path(), recipe, image);
      half.start_from(start.tensors);
      half.attach(watcher);
      EXPECT_FALSE(half.run(stop));
    }
    fs::remove_all(first.path() / "checkpoints");
    auto rest = train::trainer_in(broken.path(), recipe, image);
    rest.resume(train::load_newest(broken.path() / "checkpoints", silent()));
    rest.run(std::atomic<bool>{false});
    expect_equal(whole.solver().state(), rest.solver().state());
  }
}

TEST(Initialise, TheMapAlone) {
  const train::ShortRun run;
  const auto name = run.folder.path().string();
  export_safetensors(load_model(name, torch::kCPU, silent()), run.folder / "map.safetensors");
  const auto checkpoint = train::load_newest(run.checkpoints(), silent()).tensors;
  for (const auto& [init, source] :
       {std::pair{name + "?key=map", "map/"}, {name + "?key=ema", "ema/"}, {name + "/map.safetensors", "ema/"}}) {
    const auto start = start_of(tuning_of(run.recipe, init));
    EXPECT_TRUE(part(start.tensors, "potential/").empty()) << init;
    expect_equal(part(start.tensors, "map/"), part(start.tensors, "ema/"));
    for (const auto& [key, tensor] : part(start.tensors, "map/")) {
      const auto found =
          std::find_if(checkpoint.begin(), checkpoint.end(),
                       [&, &key = key, &source = source](const auto& entry) { return entry.first == source + key; });
      EXPECT_TRUE(torch::equal(tensor, found->second)) << init << ' ' << key;
    }
    EXPECT_THAT(messages_of(start),
                HasSubstr("loads the map; the potential starts fresh; the average starts from the map"))
        << init;
  }
  EXPECT_THAT(message_of([&] { start_of(tuning_of(run.recipe, name + "?key=T")); }),
              AllOf(HasSubstr("allowed: map, ema"), HasSubstr("got T")));
}

TEST(Initialise, NamesTheTensorThatDoesNotFitAndTheKeys) {
  const train::ShortRun run;
  auto recipe = tuning_of(run.recipe, run.folder.path().string());
  recipe.map.width = 24;
  EXPECT_THAT(message_of([&] { start_of(recipe); }),
              AllOf(HasSubstr("train.init = \"" + run.folder.path().string()),
                    HasSubstr("0.weight is [16, 2] there and [24, 2] in this recipe"),
                    HasSubstr("map.width = 16 there and 24 here")));
  recipe = tuning_of(run.recipe, run.folder.path().string());
  recipe.potential.quadratic = true;
  EXPECT_THAT(message_of([&] { start_of(recipe); }),
              AllOf(HasSubstr("its potential does not fit"),
                    HasSubstr("potential.quadratic = false there and true here"), HasSubstr("?key=map")));
  recipe.train.init += "?key=map";
  EXPECT_THAT(messages_of(start_of(recipe)), Not(HasSubstr("warning")));
  recipe = tuning_of(run.recipe, run.folder.path().string());
  recipe.map.activation = "relu";  // the same shapes, another function
  EXPECT_THAT(
      messages_of(start_of(recipe)),
      HasSubstr(
          "warning: differs from the training that it starts from: map.activation = \"silu\" there and \"relu\" here"));
  recipe.train.init = "nowhere";
  EXPECT_THAT(message_of([&] { start_of(recipe); }), AllOf(HasSubstr("no such model"), HasSubstr("\"nowhere\"")));
}

TEST(Initialise, TakesNetsOutOfPublicFiles) {
  const auto fixtures = fs::path(MONGE_SOURCE_DIR) / "tests/fixtures/checkpoints";
  train::Recipe recipe;
  recipe.method = "weak";
  recipe.source.path = recipe.target.path = "x";
  recipe.map.width = recipe.map.depth = 1;
  recipe.potential.width = recipe.potential.width_max = 2;
  const auto start = [&](const std::string& name) {
    recipe.train.init = (fixtures / name).string();
    return starting_state(read_initial_weights(recipe, silent()), recipe, {1, 8, 8}, {1, 8, 8});
  };
  const auto both = start("lightning.ckpt");
  EXPECT_THAT(messages_of(both),
              HasSubstr("loads the map at state_dict.net.module and the potential; the average starts from the map"));
  const auto plain = io::read_torch_checkpoint(fixtures / "plain.pt");
  const testing::ScratchFolder scratch;
  auto reversed = plain;
  std::reverse(reversed.tensors.begin(), reversed.tensors.end());
  io::write_safetensors(scratch / "r.safetensors", reversed);
  const auto hash = [](const std::string& line) { return line.substr(line.find("XXH3"), 40); };
  recipe.train.init = (scratch / "r.safetensors").string();
  EXPECT_EQ(hash(messages_of(starting_state(read_initial_weights(recipe, silent()), recipe, {1, 8, 8}, {1, 8, 8}))),
            hash(messages_of(start("plain.pt"))));
  for (const auto& [key, tensor] : part(both.tensors, "map/"))
    EXPECT_TRUE(torch::equal(tensor, plain.at(key, "plain.pt"))) << key;
  EXPECT_FALSE(part(both.tensors, "potential/").empty());
  EXPECT_TRUE(part(start("old.pt").tensors, "potential/").empty());
  EXPECT_THAT(message_of([&] { start("two_maps.pt"); }), AllOf(HasSubstr("several of its networks could be the map"),
                                                               HasSubstr("T, T_ema.module"), HasSubstr("?key=NAME")));
  EXPECT_TRUE(part(start("two_maps.pt?key=T_ema").tensors, "potential/").empty());
  recipe.map.width = 2;
  EXPECT_THAT(message_of([&] { start("plain.pt"); }),
              AllOf(HasSubstr("inc.double_conv.0.weight is [1, 2, 3, 3] there and [2, 2, 3, 3] in this recipe"),
                    HasSubstr("there it is a map (U-net, 2 -> 1 channels, width 1, depth 1)")));
  recipe.map.width = 1;
  recipe.map.depth = 2;
  EXPECT_THAT(message_of([&] { start("plain.pt"); }),
              HasSubstr("there it is a map (U-net, 2 -> 1 channels, width 1, depth 1)"));
  EXPECT_THAT(message_of([&] { start("potential.pt"); }),
              HasSubstr("holds no network with the keys of this recipe's map (inc.double_conv.0.weight"));
}

// 12-bit data are scaled from 0..4095 to [-1, 1]; the map was trained in these units.
TEST(Initialise, KeepsTheRangeOfImages) {
  testing::ScratchFolder folder;
  auto recipe = train::recipe_for("strong", true);
  recipe.source.range = "0..4095";
  recipe.train.iterations = 1;
  train::trainer_in(folder.path(), recipe, true).run(std::atomic<bool>{false});
  recipe = tuning_of(recipe, folder.path().string());
  recipe.source.range = recipe.target.range = "auto";
  const auto initial = read_initial_weights(recipe, silent());
  std::string logged;
  inherit_ranges(recipe, initial, [&](LogLevel, const std::string& line) { logged += line; });
  EXPECT_EQ(recipe.source.range, "0..4095");
  EXPECT_EQ(recipe.target.range, "full");
  EXPECT_THAT(logged, HasSubstr("source.range = \"0..4095\", as in"));
  recipe.source.range = "full";
  EXPECT_THAT(messages_of(starting_state(initial, recipe, {3, 16, 16}, {3, 16, 16})),
              HasSubstr("warning: differs from the training that it starts from: source.range = \"0..4095\" there and "
                        "\"full\" here"));
}

// The map works in the units of its training, so its means and scales are used, not those of the new data.
TEST(Initialise, KeepsTheUnitsOfTheMap) {
  testing::ScratchFolder folder;
  auto recipe = train::recipe_for("strong", false);
  recipe.data.standardise = "joint";
  recipe.train.iterations = 2;
  auto data = train::data_for(false);
  const data::Columns columns{torch::tensor({1.0, 2.0}, torch::kFloat64), torch::tensor({3.0, 0.5}, torch::kFloat64)};
  train::standardise(data, {columns, columns});
  train::Trainer(recipe, data, torch::kCPU, folder.path(), silent()).run(std::atomic<bool>{false});
  recipe.train.init = folder.path().string();
  const auto initial = read_initial_weights(recipe, silent());
  ASSERT_TRUE(initial.standardisation.has_value());
  EXPECT_TRUE(torch::equal(initial.standardisation->source.mean, columns.mean));
  EXPECT_THAT(messages_of(starting_state(initial, recipe, {2}, {2})), HasSubstr("keeps the means and scales of"));
  recipe.data.standardise = "off";
  EXPECT_THAT(message_of([&] { read_initial_weights(recipe, silent()); }),
              AllOf(HasSubstr("data.standardise = \"joint\" there and \"off\" here"),
                    HasSubstr("set data.standardise = \"joint\"")));
}

}  // namespace
}  // namespace monge::model

// A trained map, loaded from any file or folder that holds one.
#include "monge/model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <fstream>

#include "monge/core/error.h"
#include "monge/io/safetensors.h"
#include "monge/ot/otp.h"
#include "monge/train/trainer.h"
#include "tests/train/short_run.h"

namespace monge::model {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Model, IsTheAveragedMapWhereverItIsLoadedFrom) {
  testing::ScratchFolder folder;
  auto recipe = train::recipe_for("strong", false);
  recipe.train.iterations = 6;
  recipe.train.lr_map = 1e-2;  // far enough from the average in six steps
  auto trainer = train::trainer_in(folder.path(), recipe, false);
  trainer.run(std::atomic<bool>{false});
  const auto x = torch::rand({4, 2});
  const auto outputs = [&](const Model& model) {
    return model.translate(x, 1, RandomStreams(0).at("z", 0)).squeeze(1);
  };
  const auto expected = outputs(model_of(trainer));
  const at::NoGradGuard no_grad;
  trainer.solver().map().eval();
  EXPECT_GT(testing::relative_error(trainer.solver().map().forward(x), expected), 1e-3)
      << "the averaged map is another one";

  const auto from_run = load_model(folder.path(), torch::kCPU, silent());
  EXPECT_TRUE(torch::equal(outputs(from_run), expected));
  export_safetensors(from_run, folder / "map.safetensors");
  const auto exported = load_model(folder / "map.safetensors", torch::kCPU, silent());
  EXPECT_TRUE(torch::equal(outputs(exported), expected));
  EXPECT_EQ(exported.iteration, 6);
}

// A file of 5 KB must not make the reader allocate 17 GB.
TEST(Model, ARecipeThatAsksForMoreThanTheFileHoldsIsRefusedBeforeMemoryIsTaken) {
  const train::ShortRun run;
  const auto file = run.folder / "map.safetensors";
  export_safetensors(load_model(run.folder.path(), torch::kCPU, silent()), file);
  auto content = io::read_safetensors(file);
  content.metadata.erase("monge.xxh3");
  const auto complaint = [&](const train::Recipe& recipe, const std::string& shape) {
    content.metadata["monge.recipe"] = train::Recipe(recipe).options().to_toml(false);
    content.metadata["monge.item_shape"] = shape;
    io::write_safetensors(file, content);
    return testing::message_of([&] { load_model(file, torch::kCPU, silent()); });
  };
  auto wide = run.recipe;
  wide.map.width = 65'536;
  EXPECT_THAT(complaint(wide, "[2]"), AllOf(HasSubstr("map.safetensors"), HasSubstr("map.width = 65536"),
                                            HasSubstr("do not belong to one model")));
  EXPECT_THAT(complaint(run.recipe, "[65536]"), HasSubstr("do not belong to one model"));
  wide.map.width = 1024;
  EXPECT_THAT(complaint(wide, "[3, 64, 64]"), HasSubstr("do not belong to one model"));
  auto deep = run.recipe;
  deep.map.depth = 64;
  EXPECT_THAT(complaint(deep, "[2]"), HasSubstr("do not belong to one model"));
}

TEST(Model, AFlippedBitInAnExportedFileIsRefused) {
  const train::ShortRun run;
  const auto file = run.folder / "map.safetensors";
  export_safetensors(load_model(run.folder.path(), torch::kCPU, silent()), file);
  const auto whole = real_files().read(file);
  auto bytes = whole;
  bytes.back() ^= 1;  // in a weight
  real_files().replace(file, bytes);
  EXPECT_THAT(testing::message_of([&] { load_model(file, torch::kCPU, silent()); }),
              AllOf(HasSubstr("map.safetensors"), HasSubstr("is damaged"), HasSubstr("copy or export it again")));
  bytes = whole;
  bytes.replace(bytes.find("z_std = 0.1"), 11, "z_std = 0.2");  // in the recipe
  real_files().replace(file, bytes);
  EXPECT_THAT(testing::message_of([&] { load_model(file, torch::kCPU, silent()); }), HasSubstr("is damaged"));

  auto old = io::parse_safetensors(whole, "map");
  ASSERT_EQ(old.metadata.erase("monge.xxh3"), 1u);
  io::write_safetensors(file, old);
  EXPECT_EQ(load_model(file, torch::kCPU, silent()).iteration, 6);
}

TEST(Model, SaysWhatAModelIs) {
  testing::ScratchFolder scratch;
  EXPECT_THAT(testing::message_of([&] { load_model(scratch / "none", torch::kCPU, silent()); }),
              HasSubstr("no such model"));
  EXPECT_THAT(testing::message_of([&] { load_model(scratch.path(), torch::kCPU, silent()); }),
              HasSubstr("neither a run directory"));
  std::ofstream(scratch / "a.txt") << "x";
  EXPECT_THAT(testing::message_of([&] { load_model(scratch / "a.txt", torch::kCPU, silent()); }),
              HasSubstr(".safetensors"));
}

TEST(Model, RefusesItemsOfAnotherShape) {
  const train::ShortRun run;
  const auto model = load_model(run.folder.path(), torch::kCPU, silent());
  EXPECT_THAT(testing::message_of([&] { model.translate(torch::rand({4, 3}), 1, RandomStreams(0).at("z", 0)); }),
              AllOf(HasSubstr("[2]"), HasSubstr("[3]")));
}

/// A run of 10 iterations whose noise falls from 0.8 to 0.1 over the first half, with a checkpoint at every step.
struct SmoothedRun {
  SmoothedRun() : recipe(train::recipe_for("otp", false)) {
    recipe.section<ot::OtpOptions>().cost = "strong";
    recipe.section<ot::OtpOptions>().eps_start = 0.8;
    recipe.section<ot::OtpOptions>().eps_end = "0.1";
    recipe.section<ot::OtpOptions>().schedule = "linear";
    recipe.section<ot::OtpOptions>().anneal = 0.5;
    recipe.train.iterations = 10;
    recipe.checkpoint.every = 1;
    recipe.checkpoint.keep = 10;
    train::trainer_in(folder.path(), recipe, false).run(std::atomic<bool>{false});
  }

  testing::ScratchFolder folder;
  train::Recipe recipe;
};

// A map is used at the noise that its last iteration was trained at: iteration k (from 1) at 0.8 - 0.7 (k - 1) / 5.
TEST(Model, IsUsedAtTheNoiseThatItWasTrainedAt) {
  const SmoothedRun run;
  const auto level = [&](const fs::path& path) { return load_model(path, torch::kCPU, silent()).smoothing.eps; };
  EXPECT_NEAR(level(run.folder / "checkpoints/step_000001"), 0.8, 1e-12);
  EXPECT_NEAR(level(run.folder / "checkpoints/step_000003"), 0.8 - 0.7 * 2 / 5, 1e-12);
  EXPECT_NEAR(level(run.folder / "checkpoints/step_000006"), 0.1, 1e-12);
  EXPECT_NEAR(level(run.folder.path()), 0.1, 1e-12);
  export_safetensors(load_model(run.folder / "checkpoints/step_000003", torch::kCPU, silent()),
                     run.folder / "map.safetensors");
  EXPECT_NEAR(level(run.folder / "map.safetensors"), 0.52, 1e-12);
}

// The samples of one input come from smoothed copies of it; T itself is deterministic.
TEST(Model, DrawsByItsSmoothedInput) {
  const SmoothedRun run;
  auto model = load_model(run.folder.path(), torch::kCPU, silent());
  const auto x = torch::rand({3, 2});
  const auto inputs =
      model.inputs(x.expand({3, 2}), 2000, RandomStreams(1).at("z", 0)).unflatten(0, std::vector<int64_t>{3, 2000});
  EXPECT_LT((inputs.mean(1) - x).abs().max().item<double>(), 0.02);  // standard error 0.1 / sqrt(2000) = 0.0022
  EXPECT_NEAR(inputs.std(1).mean().item<double>(), 0.1, 0.005);
  EXPECT_TRUE(model.stochastic());
  model.deterministic = true;
  EXPECT_FALSE(model.stochastic());
  EXPECT_TRUE(torch::equal(model.inputs(x, 5, RandomStreams(1).at("z", 0)), x));
}

TEST(Model, TheScaleOfTheNoiseMultipliesTheLevelOfTheSmoothing) {
  const SmoothedRun run;
  auto model = load_model(run.folder.path(), torch::kCPU, silent());
  const auto x = torch::rand({3, 2});
  const auto offset = [&] { return model.inputs(x, 4, RandomStreams(1).at("z", 0)) - x.repeat_interleave(4, 0); };
  ASSERT_NEAR(model.noise_level().value(), 0.1, 1e-12);
  const auto as_trained = offset();
  model.set_noise_scale(2.5);
  EXPECT_TRUE(torch::allclose(offset(), 2.5 * as_trained, 0, 1e-6));
  model.set_noise_scale(0.5);  // replaces the scale before
  EXPECT_TRUE(torch::allclose(offset(), 0.5 * as_trained, 0, 1e-6));
  for (const double scale : {-1.0, 4.1, std::nan("")}) EXPECT_THROW(model.set_noise_scale(scale), InputError);
  model.smoothing.preserve_variance = true;
  model.smoothing.eps = 0.8;
  model.set_noise_scale(1.25);
  EXPECT_NEAR(model.inputs(torch::full({1, 2}, 1e4), 400, RandomStreams(1).at("z", 0)).std().item<double>(), 1, 0.15);
  EXPECT_THROW(model.set_noise_scale(1.3), InputError);  // sqrt(1 - eps^2) has no value
}

TEST(Model, TheScaleOfTheNoiseMultipliesZ) {
  const testing::ScratchFolder folder;
  const auto untrained = [&](const std::string& method) {
    auto recipe = train::recipe_for(method, false);
    recipe.potential.r1 = recipe.potential.expectile = 0;
    if (method == "light") recipe.train.k_t = 1;
    auto trainer = train::trainer_in(folder / method, recipe, false);
    return model_of(trainer);
  };
  auto weak = untrained("weak");
  const auto x = torch::rand({3, 2});
  const auto z = [](const Model& model, const torch::Tensor& of) {
    return model.inputs(of, 4, RandomStreams(1).at("z", 0)).slice(1, 2);
  };
  const auto as_trained = z(weak, x);
  weak.set_noise_scale(0.25);
  EXPECT_TRUE(torch::allclose(z(weak, x), 0.25 * as_trained, 1e-6));
  for (const char* method : {"strong", "light"}) {
    auto model = untrained(method);
    EXPECT_FALSE(model.noise_level().has_value()) << method;
    model.set_noise_scale(1);
    EXPECT_THROW(model.set_noise_scale(0.5), InputError) << method;
  }
}

}  // namespace
}  // namespace monge::model

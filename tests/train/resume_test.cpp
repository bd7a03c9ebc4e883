// Checkpoints: whole or absent, and exact.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/data/tensor_source.h"
#include "monge/io/safetensors.h"
#include "monge/train/model.h"
#include "monge/train/trainer.h"
#include "tests/support/support.h"

namespace monge::train {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

Recipe recipe_for(const std::string& method, bool image) {
  Recipe recipe;
  recipe.method = method;
  recipe.source.path = recipe.target.path = "toy:moons";
  recipe.map.width = image ? 2 : 16;
  recipe.potential.width = image ? 4 : 16;
  recipe.potential.width_max = 8;
  recipe.potential.r1 = 0.1;
  recipe.potential.r1_every = 3;
  recipe.potential.expectile = 0.1;
  recipe.weak.z = recipe.kernel.z = 2;
  recipe.otp.cost = "kernel";
  recipe.weak.gamma_iters = 15;
  recipe.train.iterations = 20;
  recipe.train.batch = 5;
  recipe.train.k_t = 2;
  recipe.train.schedule = "cosine";
  recipe.train.warmup = 3;
  recipe.train.ema = 0.9;
  recipe.checkpoint.every = 1000;
  recipe.data.flip = image;
  return recipe;
}

/// 23 items a side: batches cross the ends of epochs.
TrainingData data_for(bool image) {
  const auto items = [&](int64_t step) {
    const std::vector<int64_t> shape = image ? std::vector<int64_t>{23, 3, 16, 16} : std::vector<int64_t>{23, 2};
    return std::make_shared<data::TensorSource>("items", torch::rand(shape, RandomStreams(5).at("items", step)) * 2 - 1);
  };
  const auto source = items(0), target = items(1);
  return {source, target, source, target};
}

Trainer trainer_in(const fs::path& folder, const Recipe& recipe, bool image, const LogSink& log = silent(),
                   const Files& files = real_files()) {
  return Trainer(recipe, data_for(image), torch::kCPU, folder, log, files);
}

struct Exact {
  std::string method;
  bool image;
};
void PrintTo(const Exact& exact, std::ostream* out) { *out << exact.method << (exact.image ? " picture" : " vector"); }

class Resume : public ::testing::TestWithParam<Exact> {};

TEST_P(Resume, TwentyEqualTenAndTenInEveryTensor) {
  const auto [method, image] = GetParam();
  const std::atomic<bool> go{false};
  testing::ScratchFolder straight, broken;
  auto recipe = recipe_for(method, image);
  auto whole = trainer_in(straight.path(), recipe, image);
  EXPECT_TRUE(whole.run(go));

  // The first half stops as a signal would stop it: in the middle, with the schedules of the whole run.
  std::atomic<bool> stop{false};
  struct StopAtTen : Observer {
    explicit StopAtTen(std::atomic<bool>& flag) : stop(flag) {}
    void iteration_done(Trainer&, int64_t done, const Figures&) override { stop = done == 10; }
    std::atomic<bool>& stop;
  } watcher(stop);
  {
    auto half = trainer_in(broken.path(), recipe, image);
    half.attach(watcher);
    EXPECT_FALSE(half.run(stop));
    EXPECT_EQ(half.done(), 10);
  }
  auto rest = trainer_in(broken.path(), recipe, image);
  rest.resume(load_newest(broken.path() / "checkpoints", silent()));
  EXPECT_EQ(rest.done(), 10);
  EXPECT_TRUE(rest.run(go));

  const auto a = whole.solver().state(), b = rest.solver().state();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].first, b[i].first);
    EXPECT_TRUE(torch::equal(a[i].second, b[i].second)) << a[i].first;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryMethod, Resume,
                         ::testing::Values(Exact{"strong", false}, Exact{"weak", false}, Exact{"kernel", false},
                                           Exact{"noised", false}, Exact{"strong", true}, Exact{"weak", true},
                                           Exact{"kernel", true}, Exact{"noised", true}, Exact{"otp", false},
                                           Exact{"otp", true}),
                         [](const auto& info) { return info.param.method + (info.param.image ? "_picture" : "_vector"); });

/// A run of 6 iterations with a checkpoint every 2.
struct ShortRun {
  explicit ShortRun(int64_t keep = 3) : recipe(recipe_for("strong", false)) {
    recipe.train.iterations = 6;
    recipe.checkpoint.every = 2;
    recipe.checkpoint.keep = keep;
    const std::atomic<bool> go{false};
    trainer_in(folder.path(), recipe, false).run(go);
  }
  fs::path checkpoints() const { return folder / "checkpoints"; }

  testing::ScratchFolder folder;
  Recipe recipe;
};

std::vector<std::string> names(const fs::path& parent) {
  std::vector<std::string> out;
  for (const auto& path : list_checkpoints(parent)) out.push_back(path.filename().string());
  return out;
}

TEST(Checkpoint, KeepsTheLastFew) {
  const ShortRun run(2);
  EXPECT_THAT(names(run.checkpoints()), ::testing::ElementsAre("step_000004", "step_000006"));
}

TEST(Checkpoint, KeepsTheBestBesideThem) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  recipe.train.iterations = 8;
  recipe.checkpoint.every = 2;
  recipe.checkpoint.keep = 1;
  struct Judge : Observer {  // iteration 3 is the best
    void iteration_done(Trainer& trainer, int64_t done, const Figures&) override { trainer.offer(done == 3 ? 0.5 : 1.0); }
  } judge;
  auto trainer = trainer_in(folder.path(), recipe, false);
  trainer.attach(judge);
  const std::atomic<bool> go{false};
  trainer.run(go);
  EXPECT_EQ(fs::read_symlink(folder / "best"), "checkpoints/step_000003");
  EXPECT_THAT(names(folder / "checkpoints"), ::testing::ElementsAre("step_000003", "step_000008"));
  EXPECT_EQ(load_checkpoint(folder / "best").iteration, 3);
  EXPECT_EQ(load_model(folder / "best", torch::kCPU, silent()).iteration, 3);
}

TEST(Checkpoint, AFlippedBitFallsBackToTheOneBeforeAndSaysSo) {
  const ShortRun run;
  const auto file = run.checkpoints() / "step_000006" / "state.safetensors";
  std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
  damaged.seekg(static_cast<std::streamoff>(fs::file_size(file) / 2));
  char byte = 0;
  damaged.get(byte);
  damaged.seekp(static_cast<std::streamoff>(fs::file_size(file) / 2));
  damaged.put(static_cast<char>(byte ^ 1));
  damaged.close();

  std::string said;
  const LogSink log = [&](LogLevel level, const std::string& line) {
    if (level == LogLevel::warning) said += line;
  };
  EXPECT_EQ(load_newest(run.checkpoints(), log).iteration, 4);
  EXPECT_THAT(said, AllOf(HasSubstr("step_000006"), HasSubstr("damaged"), HasSubstr("falling back"), HasSubstr("step_000004")));
}

// A digit of the manifest flips as easily as a weight: step 6 must not go on as step 7.
TEST(Checkpoint, AChangedManifestIsDamageToo) {
  const ShortRun run;
  const auto file = run.checkpoints() / "step_000006" / "manifest.json";
  auto manifest = real_files().read(file);
  manifest.replace(manifest.find("\"iteration\": 6"), 14, "\"iteration\": 7");
  real_files().replace(file, manifest);
  EXPECT_THAT(testing::message_of([&] { load_checkpoint(file.parent_path()); }), AllOf(HasSubstr("manifest.json"), HasSubstr("damaged")));
  EXPECT_EQ(load_newest(run.checkpoints(), silent()).iteration, 4);
  real_files().replace(file, "{\"format\": 3}");
  EXPECT_EQ(load_newest(run.checkpoints(), silent()).iteration, 4);
}

TEST(Checkpoint, ADamagedOneNeitherCountsNorReturnsAfterAResume) {
  const ShortRun run(1);
  auto recipe = run.recipe;
  recipe.train.iterations = 10;
  {
    auto trainer = trainer_in(run.folder.path(), recipe, false);
    trainer.resume(load_newest(run.checkpoints(), silent()));
    trainer.run(std::atomic<bool>{false});
  }
  fs::rename(run.checkpoints() / "step_000010", run.checkpoints() / "step_000099");  // newer, and not to be trusted
  auto trainer = trainer_in(run.folder.path(), run.recipe, false);
  Checkpoint early;
  early.iteration = 4;
  early.tensors = trainer.solver().state();
  trainer.resume(early);
  trainer.save();
  EXPECT_THAT(names(run.checkpoints()), ::testing::ElementsAre("step_000004"));
  EXPECT_TRUE(fs::exists(run.checkpoints() / "damaged_step_000099"));
}

// As texts "step_999500" comes after "step_1000000".
TEST(Checkpoint, StepsAreComparedAsNumbers) {
  testing::ScratchFolder folder;
  for (const char* name : {"step_999500", "step_1000000", "step_1000500"}) fs::create_directory(folder / name);
  set_aside_newer(folder.path(), 1'000'000);
  EXPECT_THAT(names(folder.path()), ::testing::ElementsAre("step_999500", "step_1000000"));
  EXPECT_TRUE(fs::exists(folder / "damaged_step_1000500"));
  set_aside_newer(folder.path(), 999'500);
  EXPECT_THAT(names(folder.path()), ::testing::ElementsAre("step_999500"));
}

/// A file system that cannot exchange folders, on a machine that stops before the new one has its name.
class StopsInARewrite : public Files {
 public:
  bool exchange(const fs::path&, const fs::path&) const override { return false; }
  void publish(const fs::path&, const fs::path& to) const override { throw SystemError(to.string() + ": the machine stopped"); }
};

TEST(Checkpoint, AStepThatIsWrittenAgainIsNeverGone) {
  const ShortRun run;
  const auto parent = run.checkpoints();
  auto checkpoint = load_newest(parent, silent());
  checkpoint.best_figure = 0.25;
  EXPECT_THAT(testing::message_of([&] { save_checkpoint(parent, checkpoint, StopsInARewrite()); }), HasSubstr("stopped"));
  EXPECT_EQ(load_newest(parent, silent()).iteration, 6);
  EXPECT_EQ(load_newest(parent, silent()).best_figure, std::nullopt);

  for (int i = 0; i < 2; ++i) save_checkpoint(parent, checkpoint);
  EXPECT_EQ(load_newest(parent, silent()).best_figure, 0.25);
  for (const auto& entry : fs::directory_iterator(parent)) {
    EXPECT_TRUE(entry.path().filename().string().starts_with("step_")) << entry.path() << " was left behind";
  }
}

TEST(Checkpoint, SaysWhatIsWrongWithEachWhenNoneCanBeUsed) {
  const ShortRun run;
  for (const auto& folder : list_checkpoints(run.checkpoints())) fs::resize_file(folder / "state.safetensors", 100);
  EXPECT_THAT(testing::message_of([&] { load_newest(run.checkpoints(), silent()); }),
              AllOf(HasSubstr("no checkpoint can be used"), HasSubstr("step_000002"), HasSubstr("step_000006")));
  EXPECT_THAT(testing::message_of([&] { load_newest(run.folder / "none", silent()); }), HasSubstr("no checkpoint is there yet"));
}

/// A disk with room for so many bytes.
class FullDisk : public Files {
 public:
  explicit FullDisk(int64_t room) : room_(room) {}
  void write(const fs::path& path, std::span<const std::string_view> parts) const override {
    for (const auto part : parts) room_ -= static_cast<int64_t>(part.size());
    if (room_ < 0) throw SystemError(path.string() + ": cannot write: No space left on device");
    Files::write(path, parts);
  }

 private:
  mutable int64_t room_;
};

TEST(Checkpoint, AFullDiskLosesNothingThatWasSaved) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  recipe.checkpoint.every = 2;
  recipe.train.iterations = 100;
  const FullDisk disk(100'000);
  auto trainer = trainer_in(folder.path(), recipe, false, silent(), disk);
  const std::atomic<bool> go{false};
  EXPECT_THAT(testing::message_of([&] { trainer.run(go); }), HasSubstr("No space left"));
  const auto left = names(folder / "checkpoints");
  ASSERT_FALSE(left.empty());
  for (const auto& name : left) EXPECT_NO_THROW(load_checkpoint(folder / "checkpoints" / name)) << name;
  for (const auto& entry : fs::directory_iterator(folder / "checkpoints")) {
    EXPECT_FALSE(entry.path().filename().string().ends_with(".part")) << "a torn checkpoint was left behind";
  }
}

TEST(Checkpoint, ARecipeThatDoesNotFitIsRefused) {
  const ShortRun run;
  auto recipe = run.recipe;
  recipe.map.width = 8;
  auto trainer = trainer_in(run.folder.path(), recipe, false);
  EXPECT_THAT(testing::message_of([&] { trainer.resume(load_newest(run.checkpoints(), silent())); }), HasSubstr("shape"));
}

/// Items that are good until `broken` is set: then every draw of them holds a NaN.
class Spoilable : public data::TensorSource {
 public:
  explicit Spoilable(const torch::Tensor& rows) : TensorSource("spoilable", rows) {}
  torch::Tensor items(const std::vector<int64_t>& indices) const override {
    auto out = TensorSource::items(indices).clone();
    if (broken) out[0][0] = std::numeric_limits<float>::quiet_NaN();
    return out;
  }
  bool broken = false;
};

// A NaN in the data after iteration 5: the run ends, names the step, and the checkpoint of iteration 4 is whole.
TEST(Trainer, DivergenceKeepsTheLastGoodCheckpoint) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  recipe.checkpoint.every = 2;
  auto data = data_for(false);
  const auto source = std::make_shared<Spoilable>(torch::rand({23, 2}));
  data.source = source;
  struct Spoil : Observer {
    explicit Spoil(Spoilable& spoilt) : source(spoilt) {}
    void iteration_done(Trainer&, int64_t done, const Figures&) override { source.broken = done == 5; }
    Spoilable& source;
  } spoil(*source);
  Trainer trainer(recipe, data, torch::kCPU, folder.path(), silent());
  trainer.attach(spoil);
  const std::atomic<bool> go{false};
  EXPECT_THAT(testing::message_of([&] { trainer.run(go); }), AllOf(HasSubstr("diverged"), HasSubstr("source batch")));
  EXPECT_THAT(names(folder / "checkpoints"), ::testing::ElementsAre("step_000002", "step_000004"));
  for (const auto& tensors : {trainer.solver().state(), load_newest(folder / "checkpoints", silent()).tensors}) {
    for (const auto& [name, tensor] : tensors) {
      if (tensor.is_floating_point()) {
        EXPECT_TRUE(torch::isfinite(tensor).all().item<bool>()) << name;
      }
    }
  }
}

TEST(Trainer, WarnsWhenTheDataHaveChangedSinceTheCheckpoint) {
  const ShortRun run;
  auto data = data_for(false);
  data.source = std::make_shared<data::TensorSource>("fewer", torch::rand({10, 2}));
  std::string said;
  Trainer trainer(run.recipe, data, torch::kCPU, run.folder.path(), [&](LogLevel, const std::string& line) { said += line; });
  trainer.resume(load_newest(run.checkpoints(), silent()));
  EXPECT_THAT(said, AllOf(HasSubstr("source has 10"), HasSubstr("23")));
}

TEST(Model, IsTheAveragedMapWhereverItIsLoadedFrom) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  recipe.train.iterations = 6;
  recipe.train.lr_map = 1e-2;  // far enough from the average in six steps
  auto trainer = trainer_in(folder.path(), recipe, false);
  trainer.run(std::atomic<bool>{false});
  const auto x = torch::rand({4, 2});
  const auto outputs = [&](const Model& model) { return model.translate(x, 1, RandomStreams(0).at("z", 0)).squeeze(1); };
  const auto expected = outputs(model_of(trainer));
  const at::NoGradGuard no_grad;
  trainer.solver().map().eval();
  EXPECT_GT(testing::relative_error(trainer.solver().map().forward(x), expected), 1e-3) << "the averaged map is another one";

  const auto from_run = load_model(folder.path(), torch::kCPU, silent());
  EXPECT_TRUE(torch::equal(outputs(from_run), expected));
  export_safetensors(from_run, folder / "map.safetensors");
  const auto exported = load_model(folder / "map.safetensors", torch::kCPU, silent());
  EXPECT_TRUE(torch::equal(outputs(exported), expected));
  EXPECT_EQ(exported.iteration, 6);
}

// 5 KB must not ask for 17 GB.
TEST(Model, ARecipeThatAsksForMoreThanTheFileHoldsIsRefusedBeforeMemoryIsTaken) {
  const ShortRun run;
  const auto file = run.folder / "map.safetensors";
  export_safetensors(load_model(run.folder.path(), torch::kCPU, silent()), file);
  auto content = io::read_safetensors(file);
  content.metadata.erase("monge.xxh3");
  const auto complaint = [&](const Recipe& recipe, const std::string& shape) {
    content.metadata["monge.recipe"] = Recipe(recipe).options().to_toml(false);
    content.metadata["monge.item_shape"] = shape;
    io::write_safetensors(file, content);
    return testing::message_of([&] { load_model(file, torch::kCPU, silent()); });
  };
  auto wide = run.recipe;
  wide.map.width = 65'536;
  EXPECT_THAT(complaint(wide, "[2]"), AllOf(HasSubstr("map.safetensors"), HasSubstr("map.width = 65536"), HasSubstr("not of one model")));
  EXPECT_THAT(complaint(run.recipe, "[65536]"), HasSubstr("not of one model"));
  wide.map.width = 1024;
  EXPECT_THAT(complaint(wide, "[3, 64, 64]"), HasSubstr("not of one model"));
  auto deep = run.recipe;
  deep.map.depth = 64;
  EXPECT_THAT(complaint(deep, "[2]"), HasSubstr("not of one model"));
}

TEST(Model, AFlippedBitInAnExportedFileIsRefused) {
  const ShortRun run;
  const auto file = run.folder / "map.safetensors";
  export_safetensors(load_model(run.folder.path(), torch::kCPU, silent()), file);
  const auto whole = real_files().read(file);
  auto bytes = whole;
  bytes.back() ^= 1;  // in a weight
  real_files().replace(file, bytes);
  EXPECT_THAT(testing::message_of([&] { load_model(file, torch::kCPU, silent()); }),
              AllOf(HasSubstr("map.safetensors"), HasSubstr("is damaged"), HasSubstr("export it anew")));
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
  EXPECT_THAT(testing::message_of([&] { load_model(scratch / "none", torch::kCPU, silent()); }), HasSubstr("no such model"));
  EXPECT_THAT(testing::message_of([&] { load_model(scratch.path(), torch::kCPU, silent()); }), HasSubstr("neither a run directory"));
  std::ofstream(scratch / "a.txt") << "x";
  EXPECT_THAT(testing::message_of([&] { load_model(scratch / "a.txt", torch::kCPU, silent()); }), HasSubstr(".safetensors"));
}

TEST(Model, RefusesItemsOfAnotherShape) {
  const ShortRun run;
  const auto model = load_model(run.folder.path(), torch::kCPU, silent());
  EXPECT_THAT(testing::message_of([&] { model.translate(torch::rand({4, 3}), 1, RandomStreams(0).at("z", 0)); }),
              AllOf(HasSubstr("[2]"), HasSubstr("[3]")));
}

}  // namespace
}  // namespace monge::train

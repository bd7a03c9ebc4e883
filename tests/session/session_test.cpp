// The main classes of the library, as a program uses them without the command line.
#include "monge/session/session.h"

#include <gmock/gmock.h>

#include <fstream>

#include "monge/core/random.h"
#include "monge/data/tensor_source.h"
#include "monge/io/npy.h"
#include "monge/monge.h"
#include "tests/support/support.h"

namespace monge::session {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;
namespace fs = std::filesystem;

train::Recipe short_recipe(const std::string& method = "strong") {
  train::Recipe recipe;
  recipe.method = method;
  recipe.map.width = recipe.potential.width = 16;
  recipe.train.iterations = 6;
  recipe.train.batch = 32;
  recipe.train.k_t = 2;
  recipe.train.threads = 1;
  recipe.eval.samples = 32;
  recipe.eval.every = 3;
  recipe.samples.every = 0;
  return recipe;
}

torch::Tensor cloud(const std::string& name, int64_t rows = 200) {
  return torch::randn({rows, 2}, RandomStreams(1).at(name, 0));
}

TEST(SessionTrain, InMemoryHasNoFolderAndGivesAModelOfRawRows) {
  const auto x = cloud("x"), y = cloud("y") + 2;
  auto recipe = short_recipe();
  recipe.data.standardise = "joint";
  const auto session = Session::train(recipe, x, y);
  EXPECT_TRUE(session.complete());
  EXPECT_TRUE(session.folder().empty());
  ASSERT_TRUE(session.evaluation().has_value());
  const auto out = session.model().translate(x);
  EXPECT_EQ(out.sizes(), (std::vector<int64_t>{200, 1, 2}));
  EXPECT_EQ(out.scalar_type(), torch::kFloat64);  // raw rows of a standardised map
}

TEST(SessionTrain, IntoAFolderIsARunThatLoadsAndResumesToTheSameBits) {
  ScratchFolder folder;
  const auto x = cloud("x"), y = cloud("y");
  auto recipe = short_recipe();
  recipe.train.iterations = 4;
  const Samples source = x, target = y;
  const auto half = Session::train(recipe, source, target, {.out = folder.path() / "run"});
  const auto resumed = Session::resume(half.folder(), {"train.iterations=6"}, source, target, {});
  recipe.train.iterations = 6;
  const auto whole = Session::train(recipe, source, target, {.out = folder.path() / "whole"});
  EXPECT_EQ(resumed.result().iterations, 6);
  const auto loaded = Model::load(resumed.folder());
  EXPECT_TRUE(torch::equal(loaded.translate(x), whole.model().translate(x)));
  EXPECT_TRUE(fs::exists(whole.folder() / "summary.json"));
  EXPECT_TRUE(fs::exists(whole.folder() / "report.html"));
}

TEST(SessionTrain, CallsItsHooksAndStopsWhenTheFlagIsSet) {
  const auto x = cloud("x"), y = cloud("y");
  std::atomic<bool> stop{false};
  std::vector<std::string> lines;
  std::vector<int64_t> evaluated;
  Session::Options options;
  options.hooks.stop = &stop;
  options.hooks.log = [&](LogLevel, const std::string& line) { lines.push_back(line); };
  options.hooks.evaluated = [&](int64_t iteration, const eval::Evaluation&) {
    evaluated.push_back(iteration);
    stop = true;
  };
  const auto session = Session::train(short_recipe(), x, y, options);
  EXPECT_FALSE(session.complete());
  EXPECT_EQ(evaluated, std::vector<int64_t>{3});
  EXPECT_EQ(session.result().iterations, 3);
}

TEST(SessionTrain, RefusesWhatCannotBeTrainedOn) {
  EXPECT_THAT(message_of([] { Session::train(short_recipe(), torch::zeros({3}), cloud("y")); }),
              AllOf(HasSubstr("samples must be vectors or images"), HasSubstr("[N, D]")));
  EXPECT_THAT(message_of([] { Session::train(short_recipe(), cloud("x"), torch::zeros({20, 3})); }),
              HasSubstr("the same shape"));
  EXPECT_THAT(message_of([] { Session::train(short_recipe(), "no/such/folder", cloud("y")); }),
              HasSubstr("no/such/folder"));
  EXPECT_THROW(Session::train(short_recipe("nonsense"), cloud("x"), cloud("y")), InputError);
  // Fields that a program sets are checked like keys of a file.
  auto recipe = short_recipe();
  recipe.train.batch = 0;
  EXPECT_THAT(message_of([&] { Session::train(recipe, cloud("x"), cloud("y")); }),
              AllOf(HasSubstr("train.batch is out of range"), HasSubstr("got 0")));
}

TEST(SessionModel, FilesAndTensorsGiveTheSameOutputs) {
  ScratchFolder folder;
  const auto x = cloud("x"), y = cloud("y");
  auto recipe = short_recipe("weak");
  const auto model = Session::train(recipe, x, y).model();
  io::write_npy(folder.path() / "in.npy", x);
  const auto in = (folder.path() / "in.npy").string(), out = (folder.path() / "out.npy").string();
  const auto result = model.translate(in, out, {.samples = 3, .seed = 5});
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.items, 200);
  EXPECT_EQ(result.samples, 3);
  EXPECT_TRUE(torch::equal(io::read_npy(out), model.translate(x, {.samples = 3, .seed = 5})));
  EXPECT_FALSE(torch::equal(model.translate(x, {.seed = 5}), model.translate(x, {.seed = 6})));
}

TEST(SessionModel, IsSavedToOneFileAndRefusesWhatDoesNotFit) {
  ScratchFolder folder;
  const auto x = cloud("x");
  const auto model = Session::train(short_recipe(), x, cloud("y")).model();
  model.save(folder.path() / "map.safetensors");
  const auto loaded = Model::load(folder.path() / "map.safetensors");
  EXPECT_TRUE(torch::equal(loaded.translate(x), model.translate(x)));
  EXPECT_THAT(message_of([&] { model.translate(x, {.samples = 2}); }), HasSubstr("this map is deterministic"));
  EXPECT_THAT(message_of([&] { model.translate(torch::zeros({4, 3})); }), HasSubstr("3"));
  EXPECT_THAT(message_of([&] { model.translate(x, {.samples = 0}); }),
              HasSubstr("TranslateOptions::samples 0: allowed is 1 to 1024"));
  EXPECT_THAT(message_of([&] { model.translate(x, {.bits = "12"}); }),
              HasSubstr("TranslateOptions::bits 12: allowed is auto, 8 or 16"));
  EXPECT_THAT(message_of([&] { model.translate("no.npy", "out.npy"); }), HasSubstr("no.npy: no such file or folder"));
  EXPECT_THAT(message_of([&] { Model::load(folder.path() / "nothing"); }), HasSubstr("nothing"));
}

TEST(SessionTrain, ResumesOnPathsThatReplaceThoseOfTheRun) {
  ScratchFolder folder;
  const auto before = folder.path() / "before.npy", after = folder.path() / "after.npy";
  io::write_npy(before, cloud("x"));
  auto recipe = short_recipe();
  recipe.train.iterations = 4;
  const auto run = Session::train(recipe, before, cloud("y"), {.out = folder.path() / "run"});
  fs::rename(before, after);
  const auto resumed = Session::resume(run.folder(), {"train.iterations=6"}, after, cloud("y"), {});
  EXPECT_EQ(resumed.result().iterations, 6);
}

TEST(SessionModel, IsEvaluatedOnNamedData) {
  ScratchFolder folder;
  const auto x = cloud("x"), y = cloud("y");
  const auto model = Session::train(short_recipe(), x, y).model();
  io::write_npy(folder.path() / "x.npy", x);
  io::write_npy(folder.path() / "y.npy", y);
  EvaluateOptions options;
  options.source = (folder.path() / "x.npy").string();
  options.target = (folder.path() / "y.npy").string();
  options.samples = 64;
  const auto result = model.evaluate(options);
  EXPECT_EQ(result.evaluation.samples, 64);
  EXPECT_TRUE(result.protocol.empty());
  options.samples = 1;
  EXPECT_THAT(message_of([&] { model.evaluate(options); }),
              HasSubstr("EvaluateOptions::samples 1: allowed is 2 to 1048576"));
  options = {.source = options.source, .target = options.target, .state_dict = {.z_std = 0.5}};
  EXPECT_THAT(message_of([&] { model.evaluate(options); }),
              HasSubstr("this model's recipe sets the standard deviation"));
}

TEST(Umbrella, HoldsWhatAProgramNeeds) {
  monge::Recipe recipe;
  EXPECT_EQ(recipe.method, "strong");
  static_assert(std::is_base_of_v<monge::Error, monge::InputError>);
  EXPECT_FALSE(monge::version().empty());
}

}  // namespace
}  // namespace monge::session

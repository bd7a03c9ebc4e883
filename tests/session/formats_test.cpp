// Files of each format version that was released stay readable, and those of a newer one are refused with what to do.
//
// tests/fixtures/formats/1 has what monge 0.1.0 wrote. MONGE_WRITE_FORMATS=FOLDER writes such a set anew: when a format
// gets a new version, commit it as another folder and keep the old ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "monge/core/files.h"
#include "monge/data/open.h"
#include "monge/data/pack.h"
#include "monge/eval/feature_statistics.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/model/model_index.h"
#include "monge/session/session.h"
#include "monge/train/checkpoint_name.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::ScratchFolder;

constexpr int64_t kImages = 3;

/// uint8 [8, 8, 3], by a formula.
torch::Tensor image_of(int64_t i) {
  return (torch::arange(8 * 8 * 3) * (i + 2) % 251).to(torch::kUInt8).view({8, 8, 3});
}

eval::FeatureStatistics statistics() {
  return {.protocol = {.net = "inception", .mode = "clean", .hash = "0123456789abcdef"},
          .source = "images",
          .moments = {.count = 7,
                      .mean_F = torch::tensor({0.5, -2.0}, torch::kFloat64),
                      .covariance_FF = torch::tensor({{2.0, 0.25}, {0.25, 1.0}}, torch::kFloat64)},
          .features_NF = {}};
}

/// A set in `folder`: run/ (recipe and the checkpoint), models/ (a model file and an index), x.npy and its outputs
/// y.npy, packed/ and statistics.safetensors.
void write_formats(const fs::path& folder) {
  train::Recipe recipe;
  recipe.method = "weak";
  recipe.source.path = "toy:gaussian";
  recipe.target.path = "toy:moons";
  recipe.map.width = recipe.potential.width = 8;
  recipe.train.iterations = 4;
  recipe.train.batch = 32;
  recipe.train.k_t = 2;
  recipe.train.threads = 1;
  recipe.data.standardise = "joint";
  recipe.eval.samples = 32;
  recipe.card.title = "tiny";
  recipe.card.licence = "CC0-1.0";
  const ScratchFolder scratch;
  const auto run = scratch / "run";
  const auto model = Session::train(recipe, {}, {}, {.out = run}).model();
  fs::create_directories(folder / "run/checkpoints");
  fs::copy(run / "recipe.toml", folder / "run/recipe.toml");
  const auto step = fs::path("checkpoints") / train::checkpoint_name(recipe.train.iterations);
  fs::copy(run / step, folder / "run" / step);

  const auto x = torch::linspace(-2, 2, 10).view({5, 2});
  io::write_npy(folder / "x.npy", x);
  io::write_npy(folder / "y.npy", model.translate(x, {.samples = 2, .seed = 3}));
  fs::create_directories(folder / "models");
  model::export_safetensors(model::load_model(run, torch::kCPU, silent()), folder / "models/tiny.safetensors");
  model::write_model_index(folder / "models", silent());

  fs::create_directory(scratch / "images");
  for (int64_t i = 0; i < kImages; ++i)
    testing::write_file(scratch / "images" / (std::to_string(i) + ".png"), io::encode_png(image_of(i)));
  data::PackOptions pack;
  pack.preparation.height = pack.preparation.width = 8;
  data::pack((scratch / "images").string(), folder / "packed", pack, silent(), {}, std::atomic<bool>{false});
  eval::write_statistics(folder / "statistics.safetensors", statistics());
}

/// A copy of the committed set.
struct Copy {
  explicit Copy(const std::string& version) {
    fs::copy(testing::fixtures_folder() / "formats" / version, folder.path(), fs::copy_options::recursive);
  }
  ScratchFolder folder;
};

void expect_outputs(const fs::path& model, const fs::path& set) {
  const auto x = io::read_npy(set / "x.npy"), y = io::read_npy(set / "y.npy");
  const auto out = Model::load(model).translate(x, {.samples = 2, .seed = 3});
  ASSERT_EQ(out.sizes(), y.sizes());
  // Other processors sum in another order; outputs are about 1.
  EXPECT_LE((out - y).abs().max().item<double>(), 1e-5) << model;
}

void expect_readable(const fs::path& set) {
  expect_outputs(set / "models/tiny.safetensors", set);
  expect_outputs(set / "run", set);
  EXPECT_EQ(model::parse_model_index(real_files().read(set / "models/index.json"), "INDEX").at(0).name, "tiny");

  data::SourceOptions options;
  options.path = (set / "packed").string();
  options.images.size = {8, 8};
  const auto packed = data::open_source(options, silent());
  ASSERT_EQ(packed->size(), kImages);
  for (int64_t i = 0; i < kImages; ++i)
    EXPECT_TRUE(torch::equal(io::from_float(packed->items({i})[0]), image_of(i))) << i;

  const auto read = eval::read_statistics(set / "statistics.safetensors");
  EXPECT_EQ(read.protocol.hash, "0123456789abcdef");
  EXPECT_EQ(read.moments.count, 7);
  EXPECT_TRUE(torch::equal(read.moments.covariance_FF, statistics().moments.covariance_FF));

  EXPECT_TRUE(Session::resume(set / "run", {"train.iterations=6"}).complete());
  EXPECT_TRUE(fs::exists(set / "run/checkpoints" / train::checkpoint_name(6) / "manifest.json"));
}

TEST(Formats, WhatThisProgramWritesItReads) {
  const char* given = std::getenv("MONGE_WRITE_FORMATS");
  const ScratchFolder scratch;
  const auto set = scratch / "set";
  fs::create_directories(set);
  write_formats(set);
  if (given) fs::copy(set, given, fs::copy_options::recursive);
  expect_readable(set);
}

TEST(Formats, ThoseOfVersionOneStayReadable) { expect_readable(Copy("1").folder.path()); }

/// Replaces the only occurrence of a text in a file.
void amend(const fs::path& file, const std::string& from, const std::string& to) {
  auto bytes = real_files().read(file);
  const auto at = bytes.find(from);
  ASSERT_NE(at, std::string::npos) << file << from;
  bytes.replace(at, from.size(), to);
  testing::write_file(file, bytes);
}

TEST(Formats, NewerVersionsAreRefusedWithWhatToDo) {
  const Copy copy("1");
  const auto& set = copy.folder;
  const auto checkpoint = set / "run/checkpoints" / train::checkpoint_name(4);
  const auto complaint = [](const auto& read) { return testing::message_of([&] { (void)read(); }); };
  const auto advice = [](const std::string& kind) {
    return AllOf(HasSubstr("a newer monge wrote this " + kind), HasSubstr("format version 2"),
                 HasSubstr("update monge"));
  };
  amend(checkpoint / "manifest.json", "\"version\": 1", "\"version\": 2");
  EXPECT_THAT(complaint([&] { return Model::load(set / "run"); }), advice("checkpoint"));
  EXPECT_THAT(complaint([&] { return Session::resume(set / "run", {"train.iterations=6"}); }), advice("checkpoint"));
  amend(set / "models/tiny.safetensors", R"("monge.format":"1")", R"("monge.format":"2")");
  EXPECT_THAT(complaint([&] { return Model::load(set / "models/tiny.safetensors"); }), advice("model file"));
  amend(set / "models/index.json", "monge models 1", "monge models 2");
  EXPECT_THAT(
      complaint([&] { return model::parse_model_index(real_files().read(set / "models/index.json"), "INDEX"); }),
      advice("index of models"));
  EXPECT_THAT(complaint([&] { return model::write_model_index(set / "models", silent()); }), advice("index of models"));
  amend(set / "packed/manifest.json", "\"version\": 1", "\"version\": 2");
  data::SourceOptions options;
  options.path = (set / "packed").string();
  EXPECT_THAT(complaint([&] { return data::open_source(options, silent()); }), advice("packed set"));
  amend(set / "statistics.safetensors", "statistics 1", "statistics 2");
  EXPECT_THAT(complaint([&] { return eval::read_statistics(set / "statistics.safetensors"); }),
              advice("file of statistics"));
}

TEST(Formats, VersionsThatNoProgramWroteAreDamage) {
  const Copy copy("1");
  const auto manifest = copy.folder / "packed/manifest.json";
  amend(manifest, "\"version\": 1", "\"version\": 0");
  data::SourceOptions options;
  options.path = (copy.folder / "packed").string();
  EXPECT_THAT(testing::message_of([&] { data::open_source(options, silent()); }), HasSubstr("copy the file again"));
}

}  // namespace
}  // namespace monge::session

// Pretrained models: found by name, published by an index, fetched from a server of the test.
#include "monge/model/pretrained.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/model/amend_recipe.h"
#include "monge/model/model.h"
#include "monge/model/model_index.h"
#include "tests/support/http_server.h"
#include "tests/support/support.h"
#include "tests/train/short_run.h"

namespace monge::model {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScopedVariable;

class Pretrained : public ::testing::Test {
 protected:
  Pretrained() {
    fs::create_directories(shelf);
    write("moons", "Two moons", "CC0-1.0");
  }

  void write(const std::string& name, const std::string& title, const std::string& licence) const {
    auto model = load_model(run.folder.path(), torch::kCPU, silent());
    amend_recipe(model, {"name=" + name, "card.title=" + title, "card.licence=" + licence});
    export_safetensors(model, shelf / (name + ".safetensors"));
  }

  testing::NoProxies no_proxies;
  const train::ShortRun run;
  testing::ScratchFolder scratch;
  const fs::path shelf = scratch / "shelf", cached = scratch / "cache/monge/models";
  ScopedVariable folders{"MONGE_MODELS", {}}, cache{"XDG_CACHE_HOME", (scratch / "cache").string()},
      address{"MONGE_MODELS_URL", {}};
};

TEST_F(Pretrained, NamesAreWordsAndNoFiles) {
  for (const char* name : {"moons", "emoji-colour", "v1.5_small", "9"}) EXPECT_TRUE(is_model_name(name)) << name;
  for (const char* name : {"", ".hidden", "-x", "a/b", "..", "a b", "map.safetensors", "map.pt", "map.pth", "ü"})
    EXPECT_FALSE(is_model_name(name)) << name;
  EXPECT_FALSE(is_model_name(std::string(101, 'a')));
}

TEST_F(Pretrained, AreFoundByNameInTheFoldersOfTheUser) {
  EXPECT_THAT(message_of([] { resolve_model("moons"); }), AllOf(HasSubstr("no such model"), HasSubstr("\"moons\"")));
  const ScopedVariable here("MONGE_MODELS", "/nowhere:" + shelf.string());
  EXPECT_EQ(resolve_model("moons"), shelf / "moons.safetensors");
  EXPECT_EQ(resolve_model(shelf / "moons.safetensors"), shelf / "moons.safetensors");
  EXPECT_EQ(load_model("moons", torch::kCPU, silent()).recipe->card.title, "Two moons");
  EXPECT_THAT(message_of([] { resolve_model("mons", "train.init"); }),
              AllOf(HasSubstr("train.init"), HasSubstr("moons"), HasSubstr("did you mean")));
}

TEST_F(Pretrained, TheFirstFolderHidesOthersAndDamagedFilesAreReported) {
  fs::create_directories(cached);
  write("other", "Another", "MIT");
  fs::copy(shelf / "other.safetensors", cached / "moons.safetensors");
  std::ofstream(shelf / "broken.safetensors") << "cut";
  std::ofstream(shelf / "notes.txt") << "no model";
  fs::create_directory(shelf / "folder.safetensors");
  std::vector<std::string> warnings;
  const auto models =
      pretrained_models(model_folders(shelf), [&](LogLevel, const std::string& line) { warnings.push_back(line); });
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[0].name, "moons");
  EXPECT_EQ(models[0].path, shelf / "moons.safetensors");
  EXPECT_EQ(models[0].licence, "CC0-1.0");
  EXPECT_EQ(models[0].bytes, static_cast<int64_t>(fs::file_size(shelf / "moons.safetensors")));
  EXPECT_EQ(models[1].title, "Another");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], AllOf(HasSubstr("broken.safetensors"), HasSubstr("too few")));
}

TEST_F(Pretrained, AnIndexPublishesAFolderAndAServerBringsItsModels) {
  write("other", "Another \"map\"", "MIT");
  const auto written = write_model_index(shelf, silent());
  const auto read = parse_model_index(real_files().read(shelf / "index.json"), "index");
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].sha256, written[0].sha256);
  EXPECT_EQ(read[1].title, "Another \"map\"");

  testing::HttpServer server([&](const testing::HttpRequest& request) {
    const auto file = shelf / request.target.substr(1);
    return fs::is_regular_file(file) ? testing::file_reply(request, real_files().read(file))
                                     : testing::HttpReply{.status = 404};
  });
  const auto found = *locate_model("other", server.url(""));  // without a slash at the end
  EXPECT_EQ(found.url, server.url("/other.safetensors"));
  EXPECT_TRUE(fetch_model(found, cached).complete);
  EXPECT_EQ(real_files().read(cached / "other.safetensors"), real_files().read(shelf / "other.safetensors"));
  EXPECT_EQ(load_model("other", torch::kCPU, silent()).recipe->card.licence, "MIT");
  EXPECT_THAT(message_of([&] { locate_model("othr", server.url("/")); }),
              AllOf(HasSubstr("no such model"), HasSubstr("moons, other"), HasSubstr("did you mean \"other\"")));
  EXPECT_THAT(message_of([] { locate_model("other", ""); }), HasSubstr("MONGE_MODELS_URL"));

  const auto direct = *locate_model(server.url("/moons.safetensors"), "");
  EXPECT_EQ(direct.name, "moons");
  EXPECT_TRUE(fetch_model(direct, cached).complete);
  EXPECT_THAT(message_of([&] { locate_model(server.url("/moons.zip"), ""); }), HasSubstr("NAME.safetensors"));
}

TEST_F(Pretrained, AFetchThatFailsItsChecksReplacesNothing) {
  write_model_index(shelf, silent());
  fs::create_directories(cached);
  fs::copy(shelf / "moons.safetensors", cached / "moons.safetensors");
  const auto before = real_files().read(cached / "moons.safetensors");
  auto damaged = before;
  damaged.back() ^= 1;
  real_files().replace(shelf / "moons.safetensors", damaged);
  const auto url = "file://" + shelf.string();
  EXPECT_THAT(message_of([&] { fetch_model(*locate_model("moons", url), cached); }), HasSubstr("wrong SHA-256"));
  // An address without an index has no SHA-256; the file's own hash tells.
  EXPECT_THAT(message_of([&] { fetch_model(*locate_model(url + "/moons.safetensors", ""), cached); }),
              AllOf(HasSubstr("is not a usable model"), HasSubstr("is damaged")));
  EXPECT_EQ(real_files().read(cached / "moons.safetensors"), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(cached), fs::directory_iterator()), 1);
}

TEST_F(Pretrained, AnIndexFromAStrangerIsChecked) {
  const std::string hash(64, 'a');
  const auto complaint = [&](const std::string& models) {
    return message_of([&] { parse_model_index(R"({"format": "monge models 1", "models": )" + models + "}", "INDEX"); });
  };
  EXPECT_EQ(parse_model_index(R"({"format": "monge models 1", "models": []})", "INDEX").size(), 0u);
  EXPECT_THAT(complaint(R"([{"name": "../../evil", "bytes": 1, "sha256": ")" + hash + "\"}]"),
              AllOf(HasSubstr("INDEX"), HasSubstr("../../evil"), HasSubstr("not the name of a model")));
  EXPECT_THAT(complaint(R"([{"name": "x", "bytes": 1, "sha256": "abc"}])"),
              HasSubstr("x has no valid size or SHA-256"));
  EXPECT_THAT(complaint(R"([{"name": "x", "bytes": 0, "sha256": ")" + hash + "\"}]"), HasSubstr("size"));
  const auto twice = R"({"name": "x", "bytes": 1, "sha256": ")" + hash + "\"}";
  EXPECT_THAT(complaint("[" + twice + ", " + twice + "]"), HasSubstr("names x twice"));
  EXPECT_THAT(complaint(R"([{"name": 3}])"), HasSubstr("is not an index of models"));
  EXPECT_THAT(complaint("7"), HasSubstr("is not an index of models"));
  EXPECT_THAT(message_of([] { parse_model_index(R"({"format": "monge models 2", "models": []})", "INDEX"); }),
              HasSubstr("newer monge"));
  EXPECT_THAT(message_of([] { parse_model_index("<html>", "INDEX"); }), HasSubstr("is not an index of models"));
}

TEST_F(Pretrained, OnlyWhatTheMapDoesNotDependOnCanBeAmended) {
  auto model = load_model(run.folder.path(), torch::kCPU, silent());
  const auto complaint = [&](const std::string& assignment) {
    return message_of([&] { amend_recipe(model, {assignment}); });
  };
  EXPECT_THAT(complaint("map.width=4"),
              AllOf(HasSubstr("the map or its metrics depend on this key"), HasSubstr("map.width=4")));
  EXPECT_THAT(complaint("eval.samples=7"), HasSubstr("eval.samples=7"));
  EXPECT_THAT(complaint("output.size=keep"), HasSubstr("these are vectors"));
  EXPECT_THAT(complaint("name=../x"), HasSubstr("not the name of a model"));
  EXPECT_THAT(complaint("card.titel=x"), HasSubstr("card.title"));
  EXPECT_THAT(complaint("output.range=7"), HasSubstr("output.range"));
  EXPECT_EQ(model.recipe->card.title, "");
  amend_recipe(model, {"source.path=data/a.csv", "output.range=0..", "card.description=one = two"});
  EXPECT_EQ(model.recipe->source.path, "data/a.csv");
  EXPECT_EQ(model.recipe->card.description, "one = two");
  EXPECT_TRUE(model.limits.has_value());
  // Metrics belong to the range that outputs were clamped to.
  model.evaluation = EvaluationRecord{.metrics = {}, .reaches_target = {}, .verdict = "good"};
  amend_recipe(model, {"card.title=x", "output.range=0.."});
  EXPECT_TRUE(model.evaluation.has_value());
  amend_recipe(model, {"output.range=0..1"});
  EXPECT_FALSE(model.evaluation.has_value());
}

TEST_F(Pretrained, AnEvaluationTravelsWithTheFile) {
  auto model = load_model(run.folder.path(), torch::kCPU, silent());
  model.evaluation = EvaluationRecord{.metrics = {{"target_error", 0.25}, {"cost", NAN}},
                                      .reaches_target = true,
                                      .verdict = "the map reaches its target",
                                      .protocol = {{"samples", "64"}},
                                      .image = std::string("\x89PNG\r\n\x1a\n\0\1", 10)};
  export_safetensors(model, scratch / "map.safetensors");
  const auto loaded = load_model(scratch / "map.safetensors", torch::kCPU, silent());
  ASSERT_TRUE(loaded.evaluation.has_value());
  EXPECT_EQ(loaded.evaluation->metrics[0], (std::pair<std::string, double>("target_error", 0.25)));
  EXPECT_TRUE(std::isnan(loaded.evaluation->metrics[1].second));
  EXPECT_EQ(loaded.evaluation->reaches_target, true);
  EXPECT_EQ(loaded.evaluation->verdict, "the map reaches its target");
  EXPECT_EQ(loaded.evaluation->image, model.evaluation->image);
  EXPECT_EQ(loaded.evaluation->protocol, model.evaluation->protocol);

  const auto whole = io::read_safetensors(scratch / "map.safetensors");
  const auto complaint = [&](const std::string& evaluation, const std::string& image) {
    auto file = whole;
    file.metadata.erase("monge.xxh3");
    file.metadata["monge.evaluation"] = evaluation;
    for (auto& [name, tensor] : file.tensors) {
      const auto bytes = static_cast<int64_t>(image.size());
      if (name == "card/image") tensor = io::tensor_from_bytes(image, torch::kUInt8, {bytes}, name);
    }
    io::write_safetensors(scratch / "map.safetensors", file);
    return message_of([&] { load_model(scratch / "map.safetensors", torch::kCPU, silent()); });
  };
  const auto is_no_record = AllOf(HasSubstr("map.safetensors"), HasSubstr("not the record of an evaluation"));
  const auto& image = model.evaluation->image;
  EXPECT_THAT(complaint(R"({"metrics": [1], "reaches_target": null, "verdict": ""})", image), is_no_record);
  EXPECT_THAT(complaint("7", image), is_no_record);
  const auto deep = R"({"reaches_target": null, "verdict": "", "metrics": )" + std::string(2'000'000, '[') +
                    std::string(2'000'000, ']') + "}";
  EXPECT_THAT(complaint(deep, image), is_no_record);
  EXPECT_THAT(complaint(whole.metadata.at("monge.evaluation"), "#!/bin/sh"), HasSubstr("bytes of a PNG file"));
}

}  // namespace
}  // namespace monge::model

#include "monge/serve/catalogue.h"

#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "monge/report/run_record.h"
#include "monge/serve/redaction.h"
#include "monge/serve/run_state.h"
#include "tests/serve/models.h"
#include "tests/support/support.h"

namespace monge::serve {
namespace {

namespace fs = std::filesystem;
using monge::testing::message_of;
using monge::testing::ScratchFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Catalogue, NamesAreThoseOfFilesAndFoldersAndUnique) {
  const ScratchFolder folder;
  const auto model = testing::small_vector_model();
  model.save(folder / "a.safetensors");
  fs::create_directories(folder / "runs");
  testing::make_run(folder / "runs/a");
  testing::make_run(folder / "runs/b");
  std::ofstream(folder / "notes.txt") << "not a model";
  Catalogue catalogue(folder.path(), {});
  EXPECT_THAT(catalogue.model_names(), ElementsAre("a", "a-2", "b"));
  EXPECT_THAT(catalogue.run_names(), ElementsAre("a-2", "b"));
  EXPECT_EQ(catalogue.run("b"), folder / "runs/b");
  for (const char* name : {"a", "c", "../a", "runs", "runs/b", "", "notes"}) EXPECT_FALSE(catalogue.run(name)) << name;
  EXPECT_EQ(catalogue.model("../a"), nullptr);

  const auto served = catalogue.model("a");
  ASSERT_TRUE(served);
  EXPECT_EQ(served->map.origin, "a");
  EXPECT_EQ(catalogue.model("a"), served);
  EXPECT_FALSE(served->inputs().items.defined());  // tensors in memory
  EXPECT_EQ(catalogue.model("b")->inputs().items.sizes(), torch::IntArrayRef({64, 2}));
  const auto list = catalogue.models();
  EXPECT_EQ(list.size(), 3U);
  EXPECT_EQ(list[1]["kind"], "run");
  EXPECT_EQ(list[1]["method"], "strong");
}

TEST(Catalogue, NewRunsAppearAndTheModelsLastUsedStayInMemory) {
  const ScratchFolder folder;
  testing::make_run(folder / "a");
  Catalogue catalogue(folder.path(), {.max_models = 2});
  const auto first = catalogue.model("a");
  for (const char* name : {"b", "c"}) fs::copy(folder / "a", folder / name, fs::copy_options::recursive);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // it looks once a second
  EXPECT_THAT(catalogue.run_names(), ElementsAre("a", "b", "c"));
  catalogue.model("b");
  EXPECT_EQ(catalogue.model("a"), first);
  catalogue.model("c");  // b goes
  EXPECT_EQ(catalogue.loaded(), 2);
  EXPECT_EQ(catalogue.model("a"), first);
}

TEST(Catalogue, FailuresTellNoPaths) {
  const ScratchFolder folder;
  std::ofstream(folder / "broken.safetensors") << "nothing";
  Catalogue catalogue(folder.path(), {});
  EXPECT_THAT(message_of([&] { catalogue.model("broken"); }), Not(HasSubstr(folder.path().string())));
  fs::create_directory(folder / "empty");
  EXPECT_THAT(message_of([&] { Catalogue(folder / "empty", {}); }), HasSubstr("no model and no run"));
}

TEST(Catalogue, DataOfStrangersModelFilesAreNotOpened) {
  const ScratchFolder folder;
  testing::make_run(folder / "run");
  std::ofstream(folder / "secret.csv") << "1,2\n3,4\n5,6\n7,8\n";
  const auto model = session::Model::load(folder / "run");
  model.save(folder / "formula.safetensors");
  auto changed = model.get();
  changed.recipe->source.path = (folder / "secret.csv").string();
  model::export_safetensors(changed, folder / "stranger.safetensors");
  Catalogue catalogue(folder.path(), {});
  EXPECT_TRUE(catalogue.model("formula")->inputs().items.defined());
  EXPECT_FALSE(catalogue.model("stranger")->inputs().items.defined());
}

TEST(RunState, TellsWhatTheFilesOfARunSay) {
  const ScratchFolder folder;
  testing::make_run(folder / "run");
  EXPECT_TRUE(report::is_run_directory(folder / "run"));
  const auto state = run_state(folder / "run");
  EXPECT_EQ(state["state"], "complete");
  EXPECT_EQ(state["method"], "strong");
  EXPECT_EQ(state["iteration"], 3);
  EXPECT_EQ(state["of"], 3);
  EXPECT_EQ(state["samples"], 3);
  EXPECT_FALSE(run_summary(folder / "run")->contains("run"));
  fs::remove(folder / "run/summary.json");
  EXPECT_EQ(run_state(folder / "run")["state"], "stopped");
  std::ofstream(folder / "run/metrics.jsonl", std::ios::app) << "{\"iteration\": 4, \"cost\": 1}\n{\"iterat";
  EXPECT_EQ(run_state(folder / "run")["iteration"], 4);  // the torn line is not one yet
  std::ofstream(folder / "run/recipe.toml") << "broken";
  EXPECT_TRUE(run_state(folder / "run")["method"].is_null());
}

TEST(Redaction, KeepsTheLastComponentOfAbsolutePathsAlone) {
  EXPECT_EQ(without_folders("/data/2026/faces: 400 images"), "faces: 400 images");
  EXPECT_EQ(without_folders("saved \"/tmp/a b\" and (/x/y/z.png), /u/v/"), "saved \"a b\" and (z.png), v/");
  EXPECT_EQ(without_folders("path=/home/me/x"), "path=x");
  EXPECT_EQ(without_folders("1/2 and a/b, https://example.org/a/b, runs/1"),
            "1/2 and a/b, https://example.org/a/b, runs/1");
  EXPECT_EQ(without_folders("/"), "/");
  EXPECT_EQ(without_folders(""), "");
}

}  // namespace
}  // namespace monge::serve

#include "monge/run/run_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <thread>

#include "monge/core/files.h"
#include "tests/support/support.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::message_of;

TEST(RunDirectory, CountsUpFromWhatIsThere) {
  const testing::ScratchFolder scratch;
  fs::create_directories(scratch / "runs/00041-old");
  train::Recipe recipe;
  recipe.name = "new";
  EXPECT_EQ(create_run(scratch / "runs", "", recipe, torch::kCPU).folder, scratch / "runs/00042-new");
  EXPECT_EQ(create_run(scratch / "runs", "", recipe, torch::kCPU).folder, scratch / "runs/00043-new");
}

// Locks and folders are the system's, so threads stand for processes here.
TEST(RunDirectory, NoTwoRunsTakeOneNumber) {
  const testing::ScratchFolder scratch;
  constexpr int kThreads = 8, kRuns = 6;
  {
    std::vector<std::jthread> pool;
    for (int t = 0; t < kThreads; ++t) {
      pool.emplace_back([&, t] {
        train::Recipe recipe;
        recipe.name = t % 2 ? "odd" : "even";
        for (int i = 0; i < kRuns; ++i) create_run(scratch / "runs", "", recipe, torch::kCPU);
      });
    }
  }
  std::set<std::string> numbers;
  for (const auto& entry : fs::directory_iterator(scratch / "runs")) {
    EXPECT_TRUE(numbers.insert(entry.path().filename().string().substr(0, 5)).second) << entry.path();
  }
  EXPECT_EQ(numbers.size(), static_cast<size_t>(kThreads * kRuns));
  EXPECT_EQ(*numbers.rbegin(), "00047");
}

TEST(RunDirectory, SuggestsACommandThatAShellTakes) {
  const testing::ScratchFolder scratch;
  const auto folder = create_run("", scratch / "my run", {}, torch::kCPU).folder;
  fs::create_directory(folder / "checkpoints/step_000001");
  EXPECT_THAT(message_of([&] { create_run("", folder, {}, torch::kCPU); }),
              HasSubstr("session::resume() '" + folder.string() + "'"));
}

TEST(RunDirectory, CountsRunsAlone) {
  const testing::ScratchFolder scratch;
  for (const char* name : {"00006-old", "20240501-photos", "123-x", "00099x", "000123-y", "00050"}) {
    fs::create_directory(scratch / name);
  }
  EXPECT_EQ(create_run(scratch.path(), "", {}, torch::kCPU).folder.filename(), "00007-run");
  EXPECT_EQ(create_run(scratch.path(), "", {}, torch::kCPU).folder.filename(), "00008-run");
  fs::create_directory(scratch / "99999-last");
  EXPECT_THAT(message_of([&] { create_run(scratch.path(), "", {}, torch::kCPU); }),
              HasSubstr("choose another parent folder"));
}

// Locks belong to open files, so a lock of this process refuses it another one.
TEST(RunDirectory, LeavesALiveRunAsItIs) {
  const testing::ScratchFolder scratch;
  train::Recipe first, second;
  second.train.batch = 7;
  const auto live = create_run("", scratch / "run", first, torch::kCPU);
  for (const char* name : {"metrics.jsonl", "log.txt"}) std::ofstream(live.folder / name) << "live\n";
  const auto recipe = real_files().read(live.folder / "recipe.toml"),
             environment = real_files().read(live.folder / "environment.json");
  EXPECT_THAT(message_of([&] { create_run("", scratch / "run", second, torch::kCPU); }),
              HasSubstr("in use by another"));
  EXPECT_EQ(real_files().read(live.folder / "recipe.toml"), recipe);
  EXPECT_EQ(real_files().read(live.folder / "environment.json"), environment);
  EXPECT_EQ(real_files().read(live.folder / "metrics.jsonl"), "live\n");
}

TEST(RunDirectory, BeginsAnewWithoutRemainsWhereThereIsNoCheckpoint) {
  const testing::ScratchFolder scratch;
  const char* const remains[] = {"metrics.jsonl",
                                 "events.out.tfevents.monge",
                                 "log.txt",
                                 "summary.json",
                                 "report.html",
                                 "samples/step_000100.png",
                                 "checkpoints/.step_000100.part/state.safetensors"};
  const auto begin = [&] { return create_run("", scratch / "run", {}, torch::kCPU).folder; };
  const auto folder = begin();
  fs::create_directory(folder / "checkpoints/.step_000100.part");
  for (const char* name : remains) std::ofstream(folder / name) << "old";
  begin();
  for (const char* name : remains) EXPECT_FALSE(fs::exists(folder / name)) << name;
  EXPECT_TRUE(fs::is_directory(folder / "samples") && fs::is_directory(folder / "checkpoints"));

  fs::create_directory(folder / "checkpoints/step_000100");
  std::ofstream(folder / "metrics.jsonl") << "kept";
  EXPECT_THAT(message_of(begin), HasSubstr("already holds a run"));
  EXPECT_EQ(real_files().read(folder / "metrics.jsonl"), "kept");
}

TEST(RunDirectory, TakesNoFolderOfOtherFiles) {
  const testing::ScratchFolder scratch;
  std::ofstream(scratch / "thesis.tex") << "x";
  EXPECT_THAT(message_of([&] { create_run("", scratch.path(), {}, torch::kCPU); }),
              HasSubstr("do not belong to a run"));
  EXPECT_FALSE(fs::exists(scratch / ".lock"));
}

}  // namespace
}  // namespace monge::run

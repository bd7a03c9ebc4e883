#include "monge/run/run_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "monge/core/files.h"
#include "tests/support/support.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;
using testing::message_of;
using ::testing::HasSubstr;

TEST(RunDirectory, CountsUpFromWhatIsThere) {
  const testing::ScratchFolder scratch;
  fs::create_directories(scratch / "runs/00041-old");
  train::Recipe recipe;
  recipe.name = "new";
  EXPECT_EQ(create_run(scratch / "runs", "", recipe, torch::kCPU), scratch / "runs/00042-new");
  EXPECT_EQ(create_run(scratch / "runs", "", recipe, torch::kCPU), scratch / "runs/00043-new");
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
  const auto folder = create_run("", scratch / "my run", {}, torch::kCPU);
  fs::create_directory(folder / "checkpoints/step_000001");
  EXPECT_THAT(message_of([&] { create_run("", folder, {}, torch::kCPU); }),
              HasSubstr("monge resume '" + folder.string() + "'"));
}

}  // namespace
}  // namespace monge::run

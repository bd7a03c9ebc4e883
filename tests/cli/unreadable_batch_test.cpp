// A file of the training data vanishes while a training runs: the program ends with an error, and nothing is lost.
#include <csignal>

#include "tests/cli/ranks.h"

namespace monge {
namespace {

constexpr const char* kMore =
    " --set data.cache_mb=0 --set eval.every=0 --set samples.every=0 --set checkpoint.every=1000000 "
    "--set train.schedule=constant --set train.iterations=";

class CliUnreadableBatch : public CliRanks, public ::testing::WithParamInterface<int> {};

TEST_P(CliUnreadableBatch, SavesWhatCameBeforeAndGoesOnExactly) {
  const std::string ranks = GetParam() == 1 ? "" : " --ranks " + std::to_string(GetParam());
  Running run(folder.path(), program() + "train p.toml --out run" + kMore + "1000000" + ranks);
  ASSERT_TRUE(appears(folder / "run/metrics.jsonl")) << run.err();
  fs::rename(folder / "images/inner/3.png", folder / "aside.png");
  EXPECT_EQ(run.wait(kPatience), 2) << run.err();
  EXPECT_THAT(run.err(), AllOf(HasSubstr("3.png"), HasSubstr("the newest checkpoint is"), HasSubstr("monge resume")));
  const auto saved = train::load_newest(folder / "run/checkpoints", silent()).iteration;
  EXPECT_GT(saved, 0);
  fs::rename(folder / "aside.png", folder / "images/inner/3.png");
  const auto to = std::to_string(saved + 2);
  const auto resumed = monge(folder.path(), "resume run -q --set train.iterations=" + to + ranks);
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  ASSERT_EQ(monge(folder.path(), "train p.toml --out undisturbed -q" + (kMore + to) + ranks).code, 0);
  EXPECT_EQ(difference("run", "undisturbed"), 0);
}

INSTANTIATE_TEST_SUITE_P(Ranks, CliUnreadableBatch, ::testing::Values(1, 2));

}  // namespace
}  // namespace monge

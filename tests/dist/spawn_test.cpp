// The ranks are this program itself: spawn_ranks starts it again with the name of one of the disabled tests below.
#include "monge/dist/spawn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "monge/core/error.h"
#include "monge/dist/job.h"
#include "tests/support/support.h"

namespace monge::dist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kFolder = "MONGE_TEST_SPAWN_FOLDER";

// ---- The ranks.

std::string value_of(const std::string& name) { return real_environment()(name).value_or(""); }
int own_rank() { return std::stoi(value_of("RANK")); }
std::filesystem::path file_of(int rank) { return std::filesystem::path(value_of(kFolder)) / std::to_string(rank); }

[[noreturn]] void wait_for_a_signal() {
  while (true) ::pause();
}

void wait_for(const std::filesystem::path& file) {
  while (!std::filesystem::exists(file)) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

/// Ranks that meet through the environment that spawn_ranks has set.
TEST(SpawnedRank, DISABLED_MeetsTheOthers) {
  Job job(detect_launch(), {}, {.report = [](const JobFailure&) {}, .end_process = [](const JobFailure&) {}});
  std::string all;
  for (const auto& one : job.group().gather(text(own_rank(), " of ", job.group().size()))) all += one + "; ";
  std::ofstream(file_of(own_rank())) << all << value_of("LOCAL_RANK") << ", by " << value_of("MONGE_LAUNCHED_BY");
  job.finish();
  std::_Exit(0);
}

TEST(SpawnedRank, DISABLED_RanksOneAndTwoFail) { std::_Exit(own_rank() == 0 ? 0 : 10 + own_rank()); }

TEST(SpawnedRank, DISABLED_AllFail) { std::_Exit(10 + own_rank()); }

TEST(SpawnedRank, DISABLED_RankOneIsKilled) {
  if (own_rank() == 1) std::raise(SIGKILL);
  wait_for_a_signal();
}

TEST(SpawnedRank, DISABLED_TheParentIsAskedToStop) {
  std::ofstream(file_of(own_rank())) << "here";
  if (own_rank() == 0) {
    wait_for(file_of(1));  // started, so that it has no handler of its parent any more
    ::kill(::getppid(), SIGTERM);
  }
  wait_for_a_signal();
}

// ---- The launcher.

class Spawn : public ::testing::Test {
 protected:
  // spawn_ranks does not restore the earlier handlers.
  void SetUp() override {
    ::setenv(kFolder, folder_.path().c_str(), 1);
    for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], nullptr, &before_[i]);
  }
  void TearDown() override {
    ::unsetenv(kFolder);
    for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  }

  int spawn(int64_t ranks, const std::string& rank, double grace = 60) {
    return spawn_ranks(
        ranks,
        {"test_dist", "--gtest_also_run_disabled_tests", "--gtest_brief=1",
         "--gtest_filter=SpawnedRank.DISABLED_" + rank},
        "--ranks", [this](const std::string& line) { log_ += line; }, grace);
  }
  std::string written_by(int rank) const {
    std::ifstream file(folder_ / std::to_string(rank));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
  struct sigaction before_[std::size(kSignals)];
  testing::ScratchFolder folder_;
  std::string log_;
};

TEST_F(Spawn, TheRanksMeetAndSucceed) {
  EXPECT_EQ(spawn(3, "MeetsTheOthers"), 0);
  EXPECT_EQ(written_by(0), "0 of 3; 1 of 3; 2 of 3; 0, by --ranks");
  EXPECT_EQ(written_by(2), "0 of 3; 1 of 3; 2 of 3; 2, by --ranks");
  EXPECT_EQ(log_, "");
}

TEST_F(Spawn, GivesTheCodeOfTheFirstRankThatFailed) {
  EXPECT_EQ(spawn(3, "RanksOneAndTwoFail"), 11);
  EXPECT_EQ(spawn(2, "AllFail"), 10);
  EXPECT_EQ(log_, "") << "a rank that fails says why itself";
}

// The others wait for ever, so they are killed when the grace period is over.
TEST_F(Spawn, NamesTheRankThatASignalEnded) {
  EXPECT_EQ(spawn(2, "RankOneIsKilled", /*grace=*/0), 1);
  EXPECT_THAT(log_, AllOf(HasSubstr("rank 1 (process "), HasSubstr("was killed by signal 9 (Killed)"),
                          HasSubstr("the other ranks had not detected this yet and were killed too")));
}

TEST_F(Spawn, PassesASignalOnToAllRanks) {
  EXPECT_EQ(spawn(2, "TheParentIsAskedToStop"), 128 + SIGTERM);
  EXPECT_EQ(log_, "");
}

}  // namespace
}  // namespace monge::dist

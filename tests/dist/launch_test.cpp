#include "monge/dist/launch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/support.h"

namespace monge::dist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Launch with(std::map<std::string, std::string> variables, bool mpi = true) {
  return detect_launch(
      [variables](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
      },
      mpi);
}

TEST(Launch, WithoutALauncherIsAlone) { EXPECT_EQ(with({}).kind, Launch::Kind::alone); }

TEST(Launch, KnowsMpi) {
  const auto launch = with({{"OMPI_COMM_WORLD_SIZE", "4"}, {"RANK", "1"}, {"WORLD_SIZE", "9"}});
  EXPECT_EQ(launch.kind, Launch::Kind::mpi);
  EXPECT_EQ(launch.launcher, "mpirun");
  EXPECT_EQ(with({{"PMIX_RANK", "0"}}).kind, Launch::Kind::mpi);
}

TEST(Launch, KnowsTorchrun) {
  const auto launch = with({{"RANK", "3"},
                            {"WORLD_SIZE", "8"},
                            {"MASTER_ADDR", "gpu01"},
                            {"MASTER_PORT", "29500"},
                            {"TORCHELASTIC_RUN_ID", "abc"},
                            {"TORCHELASTIC_RESTART_COUNT", "2"},
                            {"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  EXPECT_EQ(launch.kind, Launch::Kind::environment);
  EXPECT_EQ(launch.launcher, "torchrun");
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.size, 8);
  EXPECT_EQ(launch.host, "gpu01");
  EXPECT_EQ(launch.port, 29500);
  EXPECT_TRUE(launch.agent_listens);
  EXPECT_EQ(launch.run, "abc.2");
}

TEST(Launch, RefusesHalfAnEnvironmentAndNonsense) {
  using monge::testing::message_of;
  EXPECT_THAT(message_of([] { with({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "1"}}); }),
              AllOf(HasSubstr("MASTER_ADDR"), HasSubstr("unset")));
  EXPECT_THAT(message_of([] { with({{"RANK", "2"}, {"WORLD_SIZE", "2"}}); }),
              AllOf(HasSubstr("RANK"), HasSubstr("0..1")));
  EXPECT_THAT(message_of([] { with({{"RANK", "x"}, {"WORLD_SIZE", "2"}}); }), HasSubstr("\"x\""));
  EXPECT_THAT(
      message_of([] { with({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "70000"}}); }),
      HasSubstr("1..65535"));
}

TEST(Launch, KnowsSrunWithoutMpi) {
  const std::map<std::string, std::string> step{{"SLURM_STEP_NUM_TASKS", "16"},
                                                {"SLURM_PROCID", "9"},
                                                {"SLURM_STEP_NODELIST", "gpu[03-04]"},
                                                {"SLURM_JOB_ID", "4711"},
                                                {"SLURM_STEP_ID", "0"}};
  const auto launch = with(step);
  EXPECT_EQ(launch.launcher, "srun");
  EXPECT_EQ(launch.rank, 9);
  EXPECT_EQ(launch.size, 16);
  EXPECT_EQ(launch.host, "gpu03");
  EXPECT_EQ(launch.port, 24000 + 4711 * 8 % 8000);
  auto other = step;
  other["MASTER_PORT"] = "5000";
  other["PMI_RANK"] = "9";  // set by srun --mpi=pmi2, which Open MPI does not support
  EXPECT_EQ(with(other).port, 5000);
  auto one = step;
  one["SLURM_STEP_NUM_TASKS"] = "1";  // a batch script, or a step of one task
  EXPECT_EQ(with(one).kind, Launch::Kind::alone);
}

// torchrun under mpirun, and srun that also sets MPI's variables for a program without MPI.
TEST(Launch, TheInnermostLauncherCounts) {
  const auto launch = with({{"PMIX_RANK", "0"},
                            {"TORCHELASTIC_RUN_ID", "x"},
                            {"RANK", "1"},
                            {"WORLD_SIZE", "2"},
                            {"MASTER_ADDR", "a"},
                            {"MASTER_PORT", "9"}});
  EXPECT_EQ(launch.launcher, "torchrun");
  EXPECT_EQ(launch.rank, 1);
  const std::map<std::string, std::string> step{
      {"PMIX_RANK", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_PROCID", "1"}, {"SLURM_STEP_NODELIST", "n[1-2]"}};
  EXPECT_EQ(with(step).kind, Launch::Kind::mpi);
  EXPECT_EQ(with(step, false).launcher, "srun");
  EXPECT_EQ(with(step, false).host, "n1");
}

TEST(Launch, FindsTheFirstHostOfASlurmList) {
  EXPECT_EQ(first_host("gpu[03-07,9],login"), "gpu03");
  EXPECT_EQ(first_host("gpu[12,14]"), "gpu12");
  EXPECT_EQ(first_host("alpha,beta[1-2]"), "alpha");
  EXPECT_EQ(first_host("single"), "single");
  EXPECT_EQ(first_host("rack[0-1]n[2-3]x,other"), "rack0n2x");
}

}  // namespace
}  // namespace monge::dist

// Jobs of several processes: ways to start them, to end them and to go on.
#include "tests/cli/ranks.h"

#include <torch/cuda.h>

namespace monge {
namespace {

TEST_F(CliRanks, ResumeWithAnotherNumberOfRanks) {
  train(program(), exact, "straight");
  for (const auto& [first, second, says] : {std::tuple{"--ranks 2", "", "saved by 2 ranks, resumed by 1:"},
                                            {"", "--ranks 2", "saved by 1 rank, resumed by 2:"}}) {
    const std::string run = *first ? "from2" : "from1";
    train(program(), exact + "--set train.iterations=8 " + first, run);
    Running job(folder.path(), program() + "resume " + run + " --set train.iterations=20 " + second);
    ASSERT_EQ(job.wait(kPatience), 0) << job.err();
    EXPECT_THAT(job.err(), AllOf(HasSubstr(says), HasSubstr("within rounding")));
    EXPECT_LT(difference("straight", run), 1e-6) << run;
  }
}

TEST_F(CliRanks, ByMpirun) {
  if (!dist::has_mpi()) GTEST_SKIP() << "this build has no MPI";
  train(program(), exact, "one");
  for (const int ranks : {1, 2, 4}) {
    const auto run = "mpi" + std::to_string(ranks);
    train(mpirun(ranks), exact, run);
    EXPECT_LT(difference("one", run), 1e-6) << ranks;
    EXPECT_THAT(testing::slurp(folder / (run + ".err")),
                AllOf(HasSubstr("started by mpirun"), HasSubstr(ranks > 1 ? "over MPI" : "1 rank,")));
  }
}

TEST_F(CliRanks, ByTheEnvironmentOfTorchrun) {
  train(program(), exact, "one");
  // Two processes that know of each other by their environment alone.
  const testing::BoundPort port;
  const auto rank = [&](int number) {
    return "env RANK=" + std::to_string(number) + " LOCAL_RANK=" + std::to_string(number) +
           " WORLD_SIZE=2 MASTER_ADDR=localhost MASTER_PORT=" + std::to_string(port.port()) + " " + program() +
           "train v.toml --out both --threads 1" + exact;
  };
  Running first(folder.path(), rank(0), "zero"), second(folder.path(), rank(1), "one-rank");
  ASSERT_EQ(first.wait(kPatience), 0) << first.err();
  ASSERT_EQ(second.wait(kPatience), 0) << second.err();
  EXPECT_EQ(second.err(), "");
  EXPECT_LT(difference("one", "both"), 1e-6);
}

TEST_F(CliRanks, TheKillingOfARankEndsTheJob) {
  for (const int victim : {1, 0}) {
    const auto run = "killed" + std::to_string(victim);
    Running job(folder.path(), program() + "train v.toml --threads 1 --ranks 2 --out " + run + endless);
    ASSERT_TRUE(appears(folder / run / "checkpoints" / "step_000010")) << job.err();
    ASSERT_TRUE(job.signal_rank(victim, SIGKILL));
    const int code = job.wait(30);
    EXPECT_EQ(code, 1) << job.err();
    EXPECT_THAT(job.err(), AllOf(HasSubstr("rank " + std::to_string(victim) + " on host "), HasSubstr("is gone")));
    EXPECT_THAT(job.err(), HasSubstr("monge resume"));
    EXPECT_NO_THROW(state(run));
  }
}

TEST_F(CliRanks, TheKillingOfARankEndsAJobOfMpirun) {
  if (!dist::has_mpi()) GTEST_SKIP() << "this build has no MPI";
  Running job(folder.path(), mpirun(2) + "train v.toml --threads 1 --out run" + endless);
  ASSERT_TRUE(appears(folder / "run" / "checkpoints" / "step_000010")) << job.err();
  ASSERT_TRUE(job.signal_rank(1, SIGKILL));
  const int code = job.wait(30);
  EXPECT_NE(code, -1) << "it goes on";
  EXPECT_NE(code, 0);
  EXPECT_THAT(job.err() + job.out(), HasSubstr("rank 1"));
  EXPECT_NO_THROW(state("run"));
}

TEST_F(CliRanks, ASignalToAnyRankStopsAll) {
  for (const int signalled : {0, 1}) {
    const auto run = "stopped" + std::to_string(signalled);
    Running job(folder.path(), program() + "train v.toml --threads 1 --ranks 2 --out " + run + endless);
    ASSERT_TRUE(appears(folder / run / "checkpoints" / "step_000005")) << job.err();
    ASSERT_TRUE(job.signal_rank(signalled, SIGTERM));
    EXPECT_EQ(job.wait(kPatience), 3) << job.err();
    EXPECT_THAT(job.err(), HasSubstr("everything is saved; resume with"));
    const auto stopped = train::load_newest(folder / run / "checkpoints", silent());
    EXPECT_EQ(stopped.ranks, 2);
    const auto summary = json::parse(testing::slurp(folder / run / "summary.json"));
    EXPECT_EQ(summary.at("iterations").get<int64_t>(), stopped.iteration);
    Running again(folder.path(), program() + "resume " + run +
                                     " --ranks 2 --set train.iterations=" + std::to_string(stopped.iteration + 3));
    EXPECT_EQ(again.wait(kPatience), 0) << again.err();
  }
}

// Before the ranks have met nobody but the starter can notice.
TEST_F(CliRanks, ARankThatIsKilledAtOnceIsNamed) {
  Running job(folder.path(), program() + "train v.toml --threads 1 --ranks 2 --out run" + endless);
  for (int i = 0; i < 12000 && job.rank(1) == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_TRUE(job.signal_rank(1, SIGKILL)) << job.err();
  EXPECT_EQ(job.wait(30), 1);
  EXPECT_THAT(job.err(), AllOf(HasSubstr("rank 1"),
                               ::testing::AnyOf(HasSubstr("signal 9"), HasSubstr("is gone"), HasSubstr("was closed"))));
}

// As systemd, pkill and Slurm do: the starter gets it, passes it on, and the ranks had it already.
TEST_F(CliRanks, ASignalToAllProcessesIsOneSignal) {
  Running job(folder.path(), program() + "train v.toml --threads 1 --ranks 2 --out run" + endless);
  ASSERT_TRUE(appears(folder / "run" / "checkpoints" / "step_000005")) << job.err();
  for (const pid_t process : job.descendants()) ::kill(process, SIGTERM);
  EXPECT_EQ(job.wait(kPatience), 3) << job.err();
  const auto err = job.err();
  ASSERT_NE(err.find("stopping together"), std::string::npos);
  EXPECT_EQ(err.find("stopping together", err.find("stopping together") + 1), std::string::npos) << err;
}

// mpirun ends all ranks soon after the first has ended; the message must be out by then.
TEST_F(CliRanks, TheFailureOfARankIsToldUnderMpirun) {
  if (!dist::has_mpi()) GTEST_SKIP() << "this build has no MPI";
  if (torch::cuda::is_available()) GTEST_SKIP() << "there is a GPU here, so that rank 1 would not fail";
  const std::string one = "-np 1 " + program() + "train v.toml --threads 1 --out run" + endless;
  Running job(folder.path(), mpirun() + one + " : " + one + " --device cuda");
  EXPECT_EQ(job.wait(kPatience), 2);
  EXPECT_THAT(job.err(), AllOf(HasSubstr("rank 1 on host "), HasSubstr("no CUDA device")));
}

TEST_F(CliRanks, ASignalToTheStarterStopsAll) {
  Running job(folder.path(), program() + "train v.toml --threads 1 --ranks 2 --out run" + endless);
  ASSERT_TRUE(appears(folder / "run" / "checkpoints" / "step_000005")) << job.err();
  ::kill(job.process(), SIGINT);
  EXPECT_EQ(job.wait(kPatience), 3) << job.err();
}

TEST_F(CliRanks, ASignalToOneRankOfMpirunStopsAll) {
  if (!dist::has_mpi()) GTEST_SKIP() << "this build has no MPI";
  Running job(folder.path(), mpirun(2) + "train v.toml --threads 1 --out run" + endless);
  ASSERT_TRUE(appears(folder / "run" / "checkpoints" / "step_000005")) << job.err();
  ASSERT_TRUE(job.signal_rank(1, SIGTERM));
  EXPECT_EQ(job.wait(kPatience), 3) << job.err();
  EXPECT_NO_THROW(state("run"));
}

TEST_F(CliRanks, TwoHostsRunOneJobOverTcp) {
  const Namespaces hosts;
  if (!hosts.made()) GTEST_SKIP() << "no network namespaces can be made here (ip netns add)";
  train(program(), exact, "one");
  ASSERT_TRUE(hosts.name_first());
  for (const std::string master : {"10.213.7.1", "first"}) {
    const auto rank = [&](int number) {
      return hosts.inside(number, "env RANK=" + std::to_string(number) +
                                      " WORLD_SIZE=2 MASTER_PORT=29600 MASTER_ADDR=" + master + " " + program() +
                                      "train v.toml --out by-" + master + " --threads 1" + exact);
    };
    Running first(folder.path(), rank(0), "zero"), second(folder.path(), rank(1), "other");
    ASSERT_EQ(first.wait(kPatience), 0) << first.err();
    ASSERT_EQ(second.wait(kPatience), 0) << second.err();
    EXPECT_LT(difference("one", "by-" + master), 1e-6);
  }
}

// monge fid, kid, stats and eval.
TEST_F(CliRanks, MeasureAsOneProcessDoes) {
  const std::string net = " --features " MONGE_SOURCE_DIR "/tests/fixtures/features.ts -q --json";
  fs::create_directories(folder / "other");
  for (int i = 0; i < 7; ++i) {
    io::write_image(folder / "other" / (std::to_string(i) + ".png"),
                    torch::randint(0, 120, {16 + i, 20, 3}, torch::kUInt8));
  }
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  std::vector<std::string> launchers{"--ranks 3"};
  if (dist::has_mpi()) launchers.push_back("mpirun");
  for (const std::string& line : {"fid images other" + net, "kid images other" + net, "eval run" + net}) {
    const auto alone = json::parse(monge(folder.path(), line).out);
    for (const auto& launcher : launchers) {
      Running job(folder.path(), launcher == "mpirun" ? mpirun(2) + line : program() + line + ' ' + launcher);
      ASSERT_EQ(job.wait(kPatience), 0) << line << job.err();
      const auto together = json::parse(job.out());  // one line: rank 0's
      ASSERT_EQ(together.size(), alone.size());
      for (const auto& [key, value] : alone.items()) {
        if (value.is_number_float()) {
          EXPECT_NEAR(together.at(key).get<double>(), value.get<double>(), 1e-5 * std::abs(value.get<double>()) + 1e-7)
              << line << key;
        } else {
          EXPECT_EQ(together.at(key), value) << line << key;
        }
      }
    }
  }
  ASSERT_EQ(monge(folder.path(), "stats other one.safetensors" + net).code, 0);
  Running stats(folder.path(), program() + "stats other all.safetensors --ranks 2" + net);
  ASSERT_EQ(stats.wait(kPatience), 0) << stats.err();
  Running between(folder.path(), program() + "fid one.safetensors all.safetensors --ranks 2 -q");
  ASSERT_EQ(between.wait(kPatience), 0) << between.err();
  EXPECT_NEAR(std::stod(between.out()), 0, 1e-7);
}

// Each rank writes its part of the folder: the same files as one process does, and the same grid, though its rows are
// of several ranks.
TEST_F(CliRanks, TranslateAFolderAsOneProcessDoes) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  const std::string line = "translate run images one --samples 2 --batch 1 --threads 1 --grid one.png";
  ASSERT_EQ(monge(folder.path(), line + " -q").code, 0);
  for (const int ranks : {2, 5}) {
    const auto name = std::to_string(ranks);
    Running job(folder.path(), program() + "translate run images by" + name +
                                   " --samples 2 --batch 1 --threads 1 --grid by" + name + ".png --ranks " + name);
    ASSERT_EQ(job.wait(kPatience), 0) << job.err();
    EXPECT_THAT(job.err(), HasSubstr("6 items, 2 outputs each"));
    size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder / "one")) {
      if (!entry.is_regular_file()) continue;
      ++files;
      EXPECT_EQ(testing::slurp(entry.path()),
                testing::slurp(folder / ("by" + name) / fs::relative(entry.path(), folder / "one")))
          << entry.path();
    }
    EXPECT_EQ(files, 12u);
    EXPECT_EQ(testing::slurp(folder / "one.png"), testing::slurp(folder / ("by" + name + ".png")));
  }
  Running single(folder.path(), program() + "translate run images/0.png zero.png --ranks 2");
  EXPECT_EQ(single.wait(kPatience), 2);
  EXPECT_THAT(single.err(), HasSubstr("several ranks can write only folders"));
}

// Each would wait for the other in vain, or one metric would mix two evaluations.
TEST_F(CliRanks, RanksWithOtherWordsAreRefused) {
  const std::string net = " --features " MONGE_SOURCE_DIR "/tests/fixtures/features.ts";
  const testing::BoundPort port;
  const auto rank = [&](int number, const std::string& words) {
    return "env RANK=" + std::to_string(number) +
           " WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=" + std::to_string(port.port()) + ' ' + program() + words;
  };
  Running first(folder.path(), rank(0, "fid images images --batch 4 -q" + net), "zero");
  Running second(folder.path(), rank(1, "fid images images --batch 64 --json" + net), "other");
  EXPECT_EQ(first.wait(kPatience), 2) << first.err();
  EXPECT_EQ(second.wait(kPatience), 2) << second.err();
  EXPECT_THAT(first.err(),
              AllOf(HasSubstr("the ranks do not agree"), HasSubstr("the command line"), HasSubstr("--batch 64")));
}

TEST_F(CliRanks, ABrokenImageIsToldOnce) {
  std::ofstream(folder / "images" / "2.png") << "no image";
  Running job(folder.path(),
              program() + "fid images images --ranks 2 -q --features " MONGE_SOURCE_DIR "/tests/fixtures/features.ts");
  EXPECT_EQ(job.wait(kPatience), 2);
  EXPECT_THAT(job.err(), ::testing::StartsWith("monge: images: 1 of 6 images cannot be used"));
  EXPECT_EQ(job.err().find("monge: ", 1), std::string::npos) << job.err();
}

TEST_F(CliRanks, WrongUseIsTold) {
  struct Case {
    std::string line, says;
  };
  const std::string train = "train v.toml --threads 1 --out bad ";
  for (const auto& [line, says] :
       {Case{program() + train + "--ranks 5", "train.batch: the batch cannot be divided among 5 ranks, got 32"},
        {program() + train + "--ranks 0", "--ranks"},
        {program() + train + "--ranks 2 --gpus 2", "--gpus"},
        {program() + train + "--ranks 2 --set nonsense=1", "nonsense"},
        {program() + "train none.toml --ranks 2", "none.toml"},
        {program() + train + "--ranks 2 --set source.path=nowhere.npy", "source: nowhere.npy: no such file"},
        {program() + "resume nowhere --ranks 2", "nowhere"},
        {program() + "eval nowhere --ranks 2", "nowhere"},
        {program() + "fid nowhere images --ranks 2", "nowhere"},
        {program() + "fid images images --ranks 2 --weights .", "monge weights fetch inception"},
        {program() + "stats images s.txt --ranks 2", "s.txt"},
        {program() + "translate nowhere images out --ranks 2", "nowhere"},
        {program() + "fid --ranks 2 -- nowhere images", "nowhere"},
        {program() + "fid nowhere images --ranks 2 <&-", "nowhere"},
        {"env RANK=0 WORLD_SIZE=2 " + program() + train, "MASTER_ADDR"},
        {"env RANK=7 WORLD_SIZE=2 " + program() + train, "RANK"},
        {program() + train + "--gpus 99", "--gpus"},
        {"env RANK=0 WORLD_SIZE=2 MASTER_ADDR=localhost MASTER_PORT=1 " + program() + train + "--ranks 2",
         "one of 2 ranks"},
        {with_mpi() + "env PMI_RANK=0 PMI_SIZE=2 " + program() + train, "another MPI"}}) {
    if (says == "another MPI" && !dist::has_mpi()) continue;
    Running job(folder.path(), line);
    EXPECT_EQ(job.wait(kPatience), 2) << line << job.err();
    EXPECT_THAT(job.err(), HasSubstr(says)) << line;
    EXPECT_FALSE(fs::exists(folder / "bad"));
    // Once, and not by every rank.
    const auto err = job.err();
    EXPECT_EQ(err.find("monge: ", err.find("monge: ") + 1), std::string::npos) << err;
  }
}

}  // namespace
}  // namespace monge

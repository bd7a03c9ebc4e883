// Jobs of several processes: what takes long, or waits for silence.
#include "tests/cli/ranks.h"

namespace monge {
namespace {

using CliRanksSlow = CliRanks;

TEST_F(CliRanksSlow, TwoAndFourTrainAsOne) {
  for (const std::string method : {"strong", "weak", "noised", "otp"}) {
    const auto words = exact + "--set method=" + method;
    train(program(), words, "one-" + method);
    for (const std::string ranks : {"2", "4"}) {
      train(program(), words + " --ranks " + ranks, method + ranks);
      EXPECT_LT(difference("one-" + method, method + ranks), 1e-6) << method << " " << ranks;
    }
  }
  EXPECT_TRUE(fs::exists(folder / "strong2" / "report.html"));
  EXPECT_TRUE(fs::exists(folder / "strong2" / "samples"));
}

TEST_F(CliRanksSlow, FiguresAreThoseOfOne) {
  train(program(), exact, "one");
  train(program(), exact + " --ranks 3 --set train.batch=48 --set train.iterations=12", "three");
  train(program(), exact + " --set train.batch=48 --set train.iterations=12", "same");
  const auto a = json::parse(testing::slurp(folder / "three" / "summary.json")),
             b = json::parse(testing::slurp(folder / "same" / "summary.json"));
  for (const auto& [key, value] : b.items()) {
    if (value.is_number_float() && key.find("second") == std::string::npos && key.find("wait") == std::string::npos) {
      EXPECT_NEAR(a.at(key).get<double>(), value.get<double>(), 1e-6 * std::max(1.0, std::abs(value.get<double>())))
          << key;
    }
  }
}

TEST_F(CliRanksSlow, ImagesWithSynchronisedBatchNorm) {
  fs::create_directories(folder / "noise");
  for (int i = 0; i < 12; ++i)
    io::write_image(folder / "noise" / (std::to_string(i) + ".png"), torch::randint(256, {16, 16, 3}, torch::kUInt8));
  const std::string words =
      "train p.toml --set source.path=noise --set target.path=noise --threads 1 --set train.precision=fp64 --set "
      "train.batch=4 --set train.iterations=6 --set parallel.sync_batch_norm=true --set map.depth=2 --out ";
  for (const std::string run : {"one", "two --ranks 2"}) {
    Running job(folder.path(), program() + words + run);
    ASSERT_EQ(job.wait(kPatience), 0) << job.err();
  }
  EXPECT_LT(difference("one", "two"), 1e-6);
}

TEST_F(CliRanksSlow, ByTorchrunItself) {
  const char* python = std::getenv("PEER_PYTHON");
  const std::string torchrun = python ? (fs::path(python).parent_path() / "torchrun").string() : "torchrun";
  if (std::system(("command -v '" + torchrun + "' > /dev/null 2>&1").c_str()) != 0) {
    GTEST_SKIP() << "no torchrun here; PEER_PYTHON names the Python of a PyTorch";
  }
  train(program(), exact, "one");
  Running job(folder.path(), torchrun + " --standalone --no-python --nproc-per-node 2 " + program() +
                                 "train v.toml --out both --threads 1" + exact);
  ASSERT_EQ(job.wait(kPatience), 0) << job.err();
  EXPECT_LT(difference("one", "both"), 1e-6);
}

TEST_F(CliRanksSlow, AHostThatIsCutOffEndsTheJob) {
  const Namespaces hosts;
  if (!hosts.made()) GTEST_SKIP() << "no network namespaces can be made here (ip netns add)";
  const auto rank = [&](int number) {
    return hosts.inside(number, "env RANK=" + std::to_string(number) +
                                    " WORLD_SIZE=2 MASTER_ADDR=10.213.7.1 MASTER_PORT=29600 " + program() +
                                    "train v.toml --out both --threads 1" + endless);
  };
  Running first(folder.path(), rank(0), "zero"), second(folder.path(), rank(1), "other");
  ASSERT_TRUE(appears(folder / "both" / "checkpoints" / "step_000005")) << first.err();
  ASSERT_EQ(std::system(("ip -n " + hosts.name(1) + " link set " + hosts.name(1) + " down").c_str()), 0);
  EXPECT_EQ(first.wait(kPatience), 1) << first.err();
  EXPECT_EQ(second.wait(kPatience), 1) << second.err();
  EXPECT_THAT(first.err(), AllOf(HasSubstr("rank 1 on host host1"), HasSubstr("20 s"), HasSubstr("monge resume")));
  EXPECT_THAT(second.err(), AllOf(HasSubstr("rank 0 on host host0"), HasSubstr("20 s")));
}

TEST_F(CliRanksSlow, ARankThatIsStoppedEndsTheJob) {
  Running job(folder.path(), program() + "train v.toml --threads 1 --ranks 2 --out run" + endless);
  ASSERT_TRUE(appears(folder / "run" / "checkpoints" / "step_000005")) << job.err();
  const pid_t stopped = job.rank(1);
  ASSERT_GT(stopped, 0);
  ::kill(stopped, SIGSTOP);
  for (int i = 0; i < 1500 && job.err().find("rank 1 on host") == std::string::npos; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_THAT(job.err(), AllOf(HasSubstr("no message from rank 1 on host "), HasSubstr("20 s")));
  ::kill(stopped, SIGCONT);
  EXPECT_EQ(job.wait(kPatience), 1);
}

}  // namespace
}  // namespace monge

// Commands that Ctrl-C ends: each says so, and with which code.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <csignal>

#include "monge/core/file_name.h"
#include "monge/core/unique_fd.h"
#include "monge/io/npy.h"
#include "tests/cli/fixture.h"

namespace monge {
namespace {

const std::string kFeatureNet = " --features " MONGE_SOURCE_DIR "/tests/fixtures/features.ts";

class CliSignals : public Cli {
 protected:
  /// Sends SIGINT as soon as the program has a handler for it. @return what it says to stderr.
  std::string interrupt(const std::string& arguments, int code) {
    testing::Running program(folder.path(), "'" MONGE_PROGRAM "' " + arguments);
    for (int i = 0; i < 3000 && !handles(program.process()); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ::kill(program.process(), SIGINT);
    EXPECT_EQ(program.wait(120), code) << program.err();
    EXPECT_EQ(program.out(), "");
    return program.err();
  }

  /// Whether the process has a handler for SIGINT.
  static bool handles(pid_t process) {
    std::istringstream lines(testing::slurp("/proc/" + std::to_string(process) + "/status"));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("SigCgt:")) return (std::stoull(line.substr(7), nullptr, 16) >> (SIGINT - 1)) & 1;
    }
    return false;
  }
};

TEST_F(CliSignals, EvalEndsWithTheCodeOfAStop) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  EXPECT_THAT(interrupt("eval run --samples 200000", 3), HasSubstr("monge: warning: stopped; there is no result"));
}

// The launcher passes the signal on to its ranks. Some of them may not have begun to evaluate.
TEST_F(CliSignals, EvalOfSeveralRanksEndsWithTheCodeOfAStop) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  testing::Running job(folder.path(), "'" MONGE_PROGRAM "' eval run --samples 200000 --threads 1 --ranks 2");
  for (int i = 0; i < 6000 && !(handles(job.rank(0)) && handles(job.rank(1))); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::kill(job.process(), SIGTERM);
  EXPECT_EQ(job.wait(120), 3) << job.err();
  EXPECT_EQ(job.out(), "");
  EXPECT_THAT(job.err(), HasSubstr("monge: warning: stopped; there is no result"));
  EXPECT_EQ(job.err().find("stopped", job.err().find("stopped") + 1), std::string::npos) << "once: " << job.err();
}

// Both signals are there before the program runs on, so that none can come too late.
TEST_F(CliSignals, ASecondOneEndsTheProgramAtOnce) {
  testing::Running program(folder.path(),
                           "'" MONGE_PROGRAM "' train v.toml --out run --set train.iterations=100000000");
  ASSERT_TRUE(testing::appears(folder / "run/metrics.jsonl")) << program.err();
  ::kill(program.process(), SIGSTOP);
  ::kill(program.process(), SIGINT);
  ::kill(program.process(), SIGTERM);
  ::kill(program.process(), SIGCONT);
  const int code = program.wait(120);
  EXPECT_TRUE(code == 128 + SIGINT || code == 128 + SIGTERM) << code << program.err();
}

TEST_F(CliSignals, FidAndStatsSayThatTheyStopped) {
  io::write_npy(folder / "many.npy", torch::randint(0, 256, {20000, 3, 16, 16}, torch::kUInt8));
  EXPECT_THAT(interrupt("fid many.npy images" + kFeatureNet, 3),
              HasSubstr("stopped while computing features of many.npy; there is no result"));
  EXPECT_THAT(interrupt("stats many.npy out.safetensors" + kFeatureNet, 3),
              HasSubstr("stopped while computing features of many.npy"));
  EXPECT_FALSE(fs::exists(folder / "out.safetensors"));
}

TEST_F(CliSignals, BenchSaysThatItStopped) {
  EXPECT_THAT(interrupt("bench v.toml --iterations 1000000", 3),
              HasSubstr("stopped; an incomplete measurement is not printed"));
}

/// Starts the program with a pipe in the place of the part of `out`, which takes 4 KiB, and sends SIGTERM while it
/// writes. @return its exit code.
int stopped_while_writing(const fs::path& folder, const std::string& arguments, const fs::path& out) {
  const auto part = part_path(out);
  EXPECT_EQ(::mkfifo(part.c_str(), 0600), 0);
  const UniqueFd pipe(::open(part.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_GE(::fcntl(pipe.get(), F_SETPIPE_SZ, 4096), 0);
  testing::Running program(folder, "'" MONGE_PROGRAM "' " + arguments);
  pollfd written{.fd = pipe.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&written, 1, 60'000), 1) << program.err();
  ::kill(program.process(), SIGTERM);
  return program.wait(60);
}

TEST_F(CliSignals, CommandsThatWriteAFileLeaveNoPartOfIt) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  for (const auto& [arguments, name] :
       std::vector<std::pair<std::string, std::string>>{{"export run --out map.safetensors", "map.safetensors"},
                                                        {"export run --to torch --out map.pt", "map.pt"},
                                                        {"export run --to onnx --out map.onnx", "map.onnx"},
                                                        {"report run --out page.html", "page.html"},
                                                        {"report run", "run/report.html"}}) {
    const auto before = testing::slurp(folder / name);
    EXPECT_EQ(stopped_while_writing(folder.path(), arguments, folder / name), 3) << arguments;
    EXPECT_FALSE(fs::exists(part_path(folder / name))) << arguments;
    EXPECT_EQ(testing::slurp(folder / name), before) << arguments;
  }
}

}  // namespace
}  // namespace monge

// Commands that Ctrl-C ends: each says so, and with which code.
#include <csignal>

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
    for (int i = 0; i < 3000 && !catches(program.process(), SIGINT); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ::kill(program.process(), SIGINT);
    EXPECT_EQ(program.wait(120), code) << program.err();
    EXPECT_EQ(program.out(), "");
    return program.err();
  }

 private:
  static bool catches(pid_t process, int signal) {
    std::istringstream lines(testing::slurp("/proc/" + std::to_string(process) + "/status"));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("SigCgt:")) return (std::stoull(line.substr(7), nullptr, 16) >> (signal - 1)) & 1;
    }
    return false;
  }
};

TEST_F(CliSignals, EvalEndsWithTheCodeOfAStop) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  EXPECT_THAT(interrupt("eval run --samples 200000", 3), HasSubstr("monge: warning: stopped; there is no result"));
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

}  // namespace
}  // namespace monge

// monge serve as a user starts and ends it.
#include <gmock/gmock.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/cli/processes.h"
#include "tests/serve/client.h"

namespace monge::testing {
namespace {

using serve::testing::ask;
using serve::testing::Client;
using serve::testing::request_text;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double kLong = 100;  // seconds

const std::string kTrain = std::string("train '") + MONGE_SOURCE_DIR +
                           "/recipes/quick/moons.toml' --set map.width=16 --set potential.width=16 --set "
                           "train.batch=16 --set eval.samples=64 --set samples.every=0 ";

const std::string program = std::string("'") + MONGE_PROGRAM + "' ";

/// A server that has started; its port is that of the line of JSON that it prints.
struct Serving {
  Serving(const std::filesystem::path& folder, const std::string& arguments)
      : process(folder, program + "serve " + arguments + " --port 0 --json", "serve") {
    for (int i = 0; i < 2000 && process.out().find('\n') == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const auto url = nlohmann::json::parse(process.out())["url"].get<std::string>();
    port = std::stoll(url.substr(url.rfind(':') + 1));
  }
  Running process;
  int64_t port = 0;
};

TEST(ServeCommand, FollowsATrainingAndDrainsOnSigterm) {
  const ScratchFolder folder;
  const auto trained = monge(folder.path(), kTrain + "--out runs/first --set train.iterations=3 -q");
  ASSERT_EQ(trained.code, 0) << trained.err;
  Serving serving(folder.path(), "runs");
  EXPECT_EQ(ask(serving.port, "GET", "/healthz").status, 200);
  Running training(folder.path(),
                   program + kTrain +
                       "--out runs/second --set train.iterations=1000000 --set "
                       "eval.every=0 --set checkpoint.every=20",
                   "train");
  const auto second = [&] {
    const auto list = nlohmann::json::parse(ask(serving.port, "GET", "/v1/runs").body);
    for (const auto& run : list["runs"]) {
      if (run["name"] == "second") return run;
    }
    return nlohmann::json();
  };
  for (int i = 0; i < 1000 && (second().is_null() || second()["iteration"].is_null()); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(second()["state"], "running");
  EXPECT_EQ(second()["of"], 1000000);
  Client follower(serving.port);
  follower.send(request_text("GET", "/v1/runs/second/events"));
  follower.read_until("event: metrics");
  follower.read_until("event: metrics");
  ::kill(training.process(), SIGTERM);
  EXPECT_EQ(training.wait(kLong), 3);
  EXPECT_THAT(follower.read_until("\"state\":\"stopped\""), HasSubstr("event: state"));

  ::kill(serving.process.process(), SIGTERM);
  EXPECT_EQ(serving.process.wait(kLong), 0);
  EXPECT_TRUE(follower.is_closed_within(20000));
  EXPECT_THAT(serving.process.err(), HasSubstr("serving on http://127.0.0.1:"));
}

TEST(ServeCommand, ATokenAndARateHoldOnThisMachineIfTheyAreNamed) {
  const ScratchFolder folder;
  ASSERT_EQ(monge(folder.path(), kTrain + "--out run --set train.iterations=1 -q").code, 0);
  std::ofstream(folder / "token") << "0123456789abcdef\n";
  const Serving serving(folder.path(), "run --token-file token --rate 0.001");
  EXPECT_EQ(ask(serving.port, "GET", "/v1/models").status, 401);
  EXPECT_EQ(ask(serving.port, "GET", "/v1/models").status, 429);  // not even of this machine
}

TEST(ServeCommand, WrongUseIsExplained) {
  const ScratchFolder folder;
  const auto error = [&](const std::string& arguments) {
    const auto result = monge(folder.path(), "serve " + arguments);
    EXPECT_EQ(result.code, 2) << arguments;
    return result.err;
  };
  EXPECT_THAT(error("nothing"), AllOf(HasSubstr("no such model"), HasSubstr("PATH")));
  EXPECT_THAT(error("."), HasSubstr("no model and no run"));
  std::ofstream(folder / "token") << "short\n";
  EXPECT_THAT(error(". --token-file token"), HasSubstr("16 or more characters"));
  EXPECT_THAT(error(". --port 70000"), HasSubstr("--port"));
  ASSERT_EQ(monge(folder.path(), kTrain + "--out run --set train.iterations=1 -q").code, 0);
  EXPECT_THAT(error("run --listen example.org"), AllOf(HasSubstr("--listen"), HasSubstr("in numbers")));
  const Serving serving(folder.path(), "run");
  EXPECT_THAT(error("run --port " + std::to_string(serving.port)),
              AllOf(HasSubstr("cannot listen"), HasSubstr("--port")));
}

TEST(ServeCommand, MessagesOfTheApiNameItsOwnKeys) {
  const ScratchFolder folder;
  ASSERT_EQ(monge(folder.path(), kTrain + "--out run --set train.iterations=1 -q").code, 0);
  const Serving serving(folder.path(), "run");
  // A .npy file of one row: a header of 70 bytes after the first 10.
  auto body =
      std::string("\x93NUMPY\x01\x00\x46\x00", 10) + "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
  body.resize(79, ' ');
  body += "\n" + std::string(8, '\0');
  EXPECT_EQ(ask(serving.port, "POST", "/v1/translate", body).status, 200);
  const auto answer = ask(serving.port, "POST", "/v1/translate?samples=2", body);
  EXPECT_EQ(nlohmann::json::parse(answer.body)["error"]["where"], "samples");
}

}  // namespace
}  // namespace monge::testing

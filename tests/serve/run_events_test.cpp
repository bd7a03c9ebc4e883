// The events of a run whose files grow.
#include "monge/serve/run_events.h"

#include <gmock/gmock.h>

#include <fstream>

#include "monge/serve/server.h"
#include "tests/serve/client.h"
#include "tests/serve/models.h"
#include "tests/support/support.h"

namespace monge::serve {
namespace {

namespace fs = std::filesystem;
using monge::testing::ScratchFolder;
using ::testing::AllOf;
using testing::Client;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::request_text;

class Events : public ::testing::Test {
 protected:
  Events() {
    testing::make_run(folder_ / "run");
    for (const char* file : {"metrics.jsonl", "log.txt"}) fs::remove(folder_ / "run" / file);
    for (int i = 1; i <= 3200; ++i) add("metrics.jsonl", text("{\"iteration\": ", i, "}\n"));
    server_ = std::make_unique<Server>(folder_.path(), ServeOptions{.http = {.port = 0}});
  }

  void add(const std::string& file, const std::string& line) {
    std::ofstream(folder_ / "run" / file, std::ios::app) << line;
  }
  std::unique_ptr<Client> follow(const std::string& headers = "") {
    auto client = std::make_unique<Client>(server_->port());
    client->send(request_text("GET", "/v1/runs/run/events", "", headers));
    return client;
  }

  ScratchFolder folder_;
  std::unique_ptr<Server> server_;
};

TEST_F(Events, TheLast3000LinesComeFirstAndThenWhatIsNew) {
  const auto client = follow();
  const auto first = client->read_until("{\"iteration\": 3200}\n\n");
  EXPECT_THAT(first, AllOf(HasSubstr("event: metrics"), HasSubstr("data: {\"iteration\": 201}\n"),
                           Not(HasSubstr("\"iteration\": 200}"))));
  add("metrics.jsonl", "{\"iteration\": 3201}\n{\"iteration\": 3202}\n{\"itera");
  EXPECT_THAT(
      client->read_until("3202}\n\n"),
      AllOf(HasSubstr("data: {\"iteration\": 3201}\ndata: {\"iteration\": 3202}\n\n"), Not(HasSubstr("itera\n"))));
  add("log.txt", "12:00 saved /tmp/x/run\n");  // not before: which file is read first is left to chance
  EXPECT_THAT(client->read_until("saved run\n"), Not(HasSubstr("itera\n")));
  add("metrics.jsonl", "tion\": 3203}\n");  // the rest of the torn line
  EXPECT_THAT(client->read_until("3203}"), HasSubstr("data: {\"iteration\": 3203}"));
  fs::copy(folder_ / "run/samples/step_000003.png", folder_ / "run/samples/step_000009.png");
  EXPECT_THAT(client->read_until("data: 9\n"), HasSubstr("event: sample"));
}

TEST_F(Events, AClientThatComesBackGetsWhatItMissed) {
  auto client = follow();
  const auto first = client->read_until("{\"iteration\": 3200}\n\n");
  const auto at = first.rfind("id: ");
  const auto id = first.substr(at + 4, first.find('\n', at) - at - 4);
  client->close();
  add("metrics.jsonl", "{\"iteration\": 3201}\n");
  client = follow("Last-Event-ID: " + id + "\r\n");
  EXPECT_THAT(client->read_until("3201}"), Not(HasSubstr("{\"iteration\": 3200}")));
  for (const char* other : {"", "x", "1-2", "1-2-3-4", "99999999999999999999-0-0", "-5-0-0"}) {
    client = follow(text("Last-Event-ID: ", other, "\r\n"));
    EXPECT_THAT(client->read_until("3201}"), HasSubstr("{\"iteration\": 3200}")) << other;
  }
}

TEST_F(Events, AFileThatIsWrittenAnewIsToldAgain) {
  const auto client = follow();
  client->read_until("3200}\n\n");
  std::ofstream(folder_ / "run/metrics.jsonl") << "{\"iteration\": 5}\n";
  EXPECT_THAT(client->read_until("5}"), HasSubstr("event: reset"));
}

TEST_F(Events, StreamsEndWithTheServer) {
  const auto client = follow();
  client->read_until("3200}\n\n");
  server_->stop(60);
  EXPECT_TRUE(client->is_closed_within(20000));
}

}  // namespace
}  // namespace monge::serve

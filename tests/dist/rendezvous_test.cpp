#include "monge/dist/rendezvous.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <sstream>
#include <thread>

#include "monge/core/error.h"
#include "tests/support/support.h"

namespace monge::dist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Launch launch_of(int64_t rank, int64_t size, uint16_t port) {
  Launch launch;
  launch.kind = Launch::Kind::environment;
  launch.rank = rank;
  launch.size = size;
  launch.host = "127.0.0.1";
  launch.port = port;
  return launch;
}

uint16_t free_port() { return Listener(true).port(); }

/// Ports of the loopback on which this process listens.
std::vector<uint16_t> own_ports() {
  std::set<std::string> own;
  std::error_code fault;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", fault)) {
    own.insert(std::filesystem::read_symlink(entry.path(), fault).string());  // "socket:[12345]"
  }
  std::vector<uint16_t> out;
  std::ifstream table("/proc/self/net/tcp");
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::vector<std::string> columns;
    for (std::string word; words >> word;) columns.push_back(word);
    if (columns.size() < 10 || columns[3] != "0A" || !columns[1].starts_with("0100007F:") ||
        !own.contains("socket:[" + columns[9] + "]"))
      continue;
    out.push_back(static_cast<uint16_t>(std::stoi(columns[1].substr(9), nullptr, 16)));
  }
  return out;
}

TEST(Rendezvous, RanksMeet) {
  const auto port = free_port();
  std::vector<std::future<std::vector<std::string>>> ranks;
  for (int64_t rank = 0; rank < 3; ++rank) {
    ranks.push_back(std::async(
        std::launch::async, [=] { return meet(launch_of(rank, 3, port), Seconds(30))->gather(std::to_string(rank)); }));
  }
  for (auto& rank : ranks) EXPECT_THAT(rank.get(), ::testing::ElementsAre("0", "1", "2"));
}

// Connections that say nothing, or something else, to any port that listens.
TEST(Rendezvous, StrangersDoNotKeepRanksFromMeeting) {
  const auto port = free_port();
  std::atomic<bool> met{false};
  std::vector<Socket> strangers;
  auto second = std::async(std::launch::async, [=] { return meet(launch_of(1, 2, port), Seconds(30))->gather("1"); });
  auto crowd = std::async(std::launch::async, [&] {
    while (!met) {
      for (const auto listening : own_ports()) {
        if (strangers.size() > 300) continue;
        try {
          strangers.push_back(Socket::connect("127.0.0.1", listening, Seconds(1)));
          if (strangers.size() % 2) strangers.back().send("hello", 5);
        } catch (const SystemError&) {
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  const auto told = meet(launch_of(0, 2, port), Seconds(30))->gather("0");
  EXPECT_THAT(second.get(), ::testing::ElementsAre("0", "1"));
  EXPECT_THAT(told, ::testing::ElementsAre("0", "1"));
  met = true;
  crowd.get();
}

TEST(Rendezvous, NamesThoseThatDidNotCome) {
  const auto port = free_port();
  EXPECT_THAT(testing::message_of([&] { meet(launch_of(0, 4, port), Seconds(1)); }),
              AllOf(HasSubstr("3 of 4 ranks did not come"), HasSubstr("number 1, 2, 3")));
}

TEST(Rendezvous, APortThatIsTakenAndARank0ThatIsNotThere) {
  const Listener taken(true);
  EXPECT_THAT(testing::message_of([&] { meet(launch_of(0, 2, taken.port()), Seconds(2)); }),
              AllOf(HasSubstr("MASTER_PORT"), HasSubstr("free")));
  EXPECT_THAT(testing::message_of([&] { meet(launch_of(1, 2, free_port()), Seconds(2)); }), HasSubstr("MASTER_ADDR"));
}

}  // namespace
}  // namespace monge::dist

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
#include "tests/support/ranks.h"
#include "tests/support/support.h"

namespace monge::dist {
namespace {

using monge::testing::MeetingPoint;
using ::testing::AllOf;
using ::testing::HasSubstr;

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
  const MeetingPoint point;
  std::vector<std::future<std::vector<std::string>>> ranks;
  for (int64_t rank = 0; rank < 3; ++rank) {
    ranks.push_back(std::async(std::launch::async, [&point, rank] {
      return connect_ranks(point.launch(rank, 3), Seconds(30))->gather(std::to_string(rank));
    }));
  }
  for (auto& rank : ranks) EXPECT_THAT(rank.get(), ::testing::ElementsAre("0", "1", "2"));
}

TEST(Rendezvous, TheRootOpensThePortItself) {
  const testing::BoundPort port;
  const auto launch = [&](int64_t rank) {
    auto out = MeetingPoint().launch(1, 2);
    out.rank = rank;
    out.port = port.port();
    return out;
  };
  auto second = std::async(std::launch::async, [&] { return connect_ranks(launch(1), Seconds(30))->gather("1"); });
  EXPECT_THAT(connect_ranks(launch(0), Seconds(30))->gather("0"), ::testing::ElementsAre("0", "1"));
  EXPECT_THAT(second.get(), ::testing::ElementsAre("0", "1"));
}

// Peers connect to every listening port and send nothing, or something else than the token.
TEST(Rendezvous, UnauthenticatedPeersDoNotKeepRanksFromMeeting) {
  const MeetingPoint point;
  std::atomic<bool> met{false};
  std::vector<Socket> peers;
  auto second =
      std::async(std::launch::async, [&] { return connect_ranks(point.launch(1, 2), Seconds(30))->gather("1"); });
  auto crowd = std::async(std::launch::async, [&] {
    while (!met) {
      for (const auto listening : own_ports()) {
        if (peers.size() > 300) continue;
        try {
          peers.push_back(Socket::connect("127.0.0.1", listening, Seconds(1)));
          if (peers.size() % 2) peers.back().send("hello", 5);
        } catch (const SystemError&) {
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  const auto gathered = connect_ranks(point.launch(0, 2), Seconds(30))->gather("0");
  EXPECT_THAT(second.get(), ::testing::ElementsAre("0", "1"));
  EXPECT_THAT(gathered, ::testing::ElementsAre("0", "1"));
  met = true;
  crowd.get();
}

TEST(Rendezvous, NamesThoseThatDidNotCome) {
  const MeetingPoint point;
  EXPECT_THAT(testing::message_of([&] { connect_ranks(point.launch(0, 4), Seconds(1)); }),
              AllOf(HasSubstr("3 of 4 ranks did not connect to "), HasSubstr("missing ranks: 1, 2, 3")));
}

TEST(Rendezvous, NamesThePortThatIsTaken) {
  const MeetingPoint taken;
  auto launch = taken.launch(1, 2);
  launch.rank = 0;  // without the descriptor that listens there
  EXPECT_THAT(testing::message_of([&] { connect_ranks(launch, Seconds(2)); }),
              AllOf(HasSubstr("MASTER_PORT"), HasSubstr("free")));
}

TEST(Rendezvous, NamesTheAddressWhereNoRootListens) {
  const testing::BoundPort nobody_listens;
  auto launch = MeetingPoint().launch(1, 2);
  launch.port = nobody_listens.port();
  EXPECT_THAT(testing::message_of([&] { connect_ranks(launch, Seconds(2)); }), HasSubstr("MASTER_ADDR"));
}

}  // namespace
}  // namespace monge::dist

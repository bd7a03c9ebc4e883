#include "monge/dist/rendezvous.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

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

TEST(Rendezvous, RanksMeet) {
  const auto port = free_port();
  std::vector<std::future<std::vector<std::string>>> ranks;
  for (int64_t rank = 0; rank < 3; ++rank) {
    ranks.push_back(std::async(std::launch::async, [=] { return meet(launch_of(rank, 3, port), Seconds(30))->gather(std::to_string(rank)); }));
  }
  for (auto& rank : ranks) EXPECT_THAT(rank.get(), ::testing::ElementsAre("0", "1", "2"));
}

TEST(Rendezvous, NamesThoseThatDidNotCome) {
  const auto port = free_port();
  EXPECT_THAT(testing::message_of([&] { meet(launch_of(0, 4, port), Seconds(1)); }), AllOf(HasSubstr("3 of 4 ranks did not come"), HasSubstr("number 1, 2, 3")));
}

TEST(Rendezvous, APortThatIsTakenAndARank0ThatIsNotThere) {
  const Listener taken(true);
  EXPECT_THAT(testing::message_of([&] { meet(launch_of(0, 2, taken.port()), Seconds(2)); }), AllOf(HasSubstr("MASTER_PORT"), HasSubstr("free")));
  EXPECT_THAT(testing::message_of([&] { meet(launch_of(1, 2, free_port()), Seconds(2)); }), HasSubstr("MASTER_ADDR"));
}

}  // namespace
}  // namespace monge::dist

#include "monge/serve/connection_table.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "monge/core/unique_fd.h"

namespace monge::serve {
namespace {

using namespace std::chrono_literals;

/// The two ends of a connection.
struct Pair {
  Pair() {
    int ends[2];
    ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    server = UniqueFd(ends[0]);
    client = UniqueFd(ends[1]);
  }
  /// What the server has sent, if it has ended the connection.
  std::string ended_with() const {
    std::string out;
    char piece[1024];
    while (true) {
      const auto count = ::recv(client.get(), piece, sizeof piece, MSG_DONTWAIT);
      if (count == 0) return out + "END";
      if (count < 0) return out;
      out.append(piece, static_cast<size_t>(count));
    }
  }
  UniqueFd server, client;
};

TEST(ConnectionTable, TheOneThatWaitedLongestGoesForANewOne) {
  ConnectionTable table({.most = 2, .request = 10s, .answer = 10s});
  std::vector<Pair> pairs(4);
  const auto start = ConnectionTable::Clock::now();
  table.opened(pairs[0].server.get(), start);
  table.opened(pairs[1].server.get(), start + 1s);
  table.received(pairs[0].server.get(), start + 2s);  // so the second one waits longer
  table.opened(pairs[2].server.get(), start + 3s);
  EXPECT_EQ(pairs[0].ended_with(), "");
  EXPECT_EQ(pairs[1].ended_with(), "END");
  EXPECT_EQ(table.open(), 3);  // until its owner closes it
  table.closed(pairs[1].server.get());
  // What is being answered stays, and then the new one goes.
  table.answering(pairs[0].server.get(), [] {});
  table.sending(pairs[2].server.get(), /*stream=*/true, start + 3s);
  table.opened(pairs[3].server.get(), start + 4s);
  EXPECT_EQ(pairs[0].ended_with(), "");
  EXPECT_EQ(pairs[2].ended_with(), "");
  EXPECT_EQ(pairs[3].ended_with(), "END");
}

TEST(ConnectionTable, RequestsAndAnswersHaveTheirTime) {
  ConnectionTable table({.most = 10, .request = 10s, .answer = 20s});
  std::vector<Pair> pairs(4);
  const auto start = ConnectionTable::Clock::now();
  for (const auto& pair : pairs) table.opened(pair.server.get(), start);
  table.received(pairs[0].server.get(), start + 1s);
  table.received(pairs[0].server.get(), start + 9s);  // a trickle does not lengthen it
  table.sending(pairs[1].server.get(), false, start + 1s);
  table.sending(pairs[2].server.get(), true, start + 1s);
  EXPECT_EQ(table.busy(), 2);
  table.sweep(start + 10s);
  for (const auto& pair : pairs) EXPECT_EQ(pair.ended_with(), "");
  table.sweep(start + 12s);
  EXPECT_TRUE(pairs[0].ended_with().starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(pairs[1].ended_with(), "");
  EXPECT_EQ(pairs[3].ended_with(), "END");  // never asked anything
  table.sweep(start + 22s);
  EXPECT_EQ(pairs[1].ended_with(), "END");
  EXPECT_EQ(pairs[2].ended_with(), "");  // streams have no end
}

TEST(ConnectionTable, ClientsThatHangUpAreNoticed) {
  ConnectionTable table({});
  std::vector<Pair> pairs(2);
  int gone = 0;
  for (const auto& pair : pairs) {
    table.opened(pair.server.get());
    table.answering(pair.server.get(), [&gone] { ++gone; });
  }
  table.sweep();
  EXPECT_EQ(gone, 0);
  EXPECT_EQ(table.busy(), 2);
  pairs[0].client.reset();
  table.sweep();
  table.sweep();
  EXPECT_EQ(gone, 1);
  EXPECT_EQ(table.busy(), 1);  // nobody waits for the answer to the other one
}

}  // namespace
}  // namespace monge::serve

#include "monge/dist/socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "monge/core/error.h"
#include "tests/support/ranks.h"
#include "tests/support/support.h"

namespace monge::dist {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// The two ends of a connection over the loopback.
struct Connection {
  Connection() {
    Listener listener(/*loopback=*/true);
    client = Socket::connect("127.0.0.1", listener.port(), Seconds(30));
    server = listener.accept(Seconds(30));
    server.set_peer("rank 1");
  }
  Socket client, server;
};

// More bytes than the buffers of both ends hold, so that both sides must send and receive at the same time.
constexpr int64_t kLarge = 8 << 20;

TEST(Socket, MovesBytesInBothDirections) {
  Connection connection;
  const std::string sent(kLarge, 'x');
  std::string received(kLarge, ' '), answer(2, ' ');
  std::thread other([&] {
    connection.client.send(sent.data(), kLarge);
    connection.client.receive(answer.data(), 2);
  });
  connection.server.receive(received.data(), kLarge);
  connection.server.send("ok", 2);
  other.join();
  EXPECT_EQ(received, sent);
  EXPECT_EQ(answer, "ok");
}

TEST(Socket, ExchangesMoreThanTheBuffersHold) {
  Connection connection;
  const std::string to_server(kLarge, 'a'), to_client(kLarge + 1, 'b');
  std::string at_server(kLarge, ' '), at_client(kLarge + 1, ' ');
  std::thread other([&] {
    exchange(connection.client, to_server.data(), kLarge, connection.client, at_client.data(), kLarge + 1, Seconds(30));
  });
  exchange(connection.server, to_client.data(), kLarge + 1, connection.server, at_server.data(), kLarge, Seconds(30));
  other.join();
  EXPECT_EQ(at_server, to_server);
  EXPECT_EQ(at_client, to_client);
}

TEST(Socket, ErrorsNameThePeer) {
  Connection connection;
  char byte = 0;
  EXPECT_EQ(message_of([&] { connection.server.receive(&byte, 1, Seconds(0)); }), "no data from rank 1");
  const std::string much(64 << 20, 'x');
  EXPECT_EQ(message_of([&] { connection.server.send(much.data(), 64 << 20, Seconds(0)); }),
            "rank 1 no longer accepts data");
  connection.client.close();
  EXPECT_FALSE(connection.client.open());
  // It closed with unread bytes, which the system may report as a reset.
  EXPECT_THAT(message_of([&] { connection.server.receive(&byte, 1); }), HasSubstr("the connection with rank 1 "));
  EXPECT_THAT(
      message_of([&] { exchange(connection.server, much.data(), 64 << 20, connection.server, &byte, 1, Seconds(30)); }),
      HasSubstr("the connection with rank 1 "));
}

TEST(Socket, AClosedConnectionIsSaidToBeClosed) {
  Connection connection;
  connection.client = Socket();
  char byte = 0;
  EXPECT_EQ(message_of([&] { connection.server.receive(&byte, 1); }), "the connection with rank 1 was closed");
}

TEST(Socket, AnExchangeInWhichNothingMovesEnds) {
  Connection connection;
  connection.client.set_peer("rank 0");
  char byte = 0;
  EXPECT_EQ(message_of([&] { exchange(connection.client, nullptr, 0, connection.client, &byte, 1, Seconds(0)); }),
            "no data arrives from rank 0 or leaves for rank 0");
}

TEST(Socket, ReceivesSomeWithoutWaiting) {
  Connection connection;
  std::string received = "kept ";
  EXPECT_TRUE(connection.server.receive_some(received, 8)) << "nothing has arrived, and the connection is whole";
  EXPECT_EQ(received, "kept ");
  connection.client.send("abcdef", 6);
  while (received.size() < 8) ASSERT_TRUE(connection.server.receive_some(received, 8));
  EXPECT_EQ(received, "kept abc");
  EXPECT_TRUE(connection.server.receive_some(received, 8)) << "it holds as much as was asked for";
  std::string rest(3, ' ');
  connection.server.receive(rest.data(), 3);
  EXPECT_EQ(rest, "def");
  connection.client.close();
  while (connection.server.receive_some(received, 100)) continue;
  EXPECT_EQ(received, "kept abc");
}

TEST(Socket, ARefusedConnectionNamesHostPortAndReason) {
  const testing::BoundPort nobody_listens;
  EXPECT_THAT(
      message_of([&] { Socket::connect("127.0.0.1", nobody_listens.port(), Seconds(0)); }),
      AllOf(HasSubstr(text("cannot connect to 127.0.0.1, port ", nobody_listens.port())), HasSubstr("refused")));
}

TEST(Socket, MovingGivesTheConnectionAway) {
  Connection connection;
  Socket taken = std::move(connection.server);
  EXPECT_FALSE(connection.server.open());
  EXPECT_EQ(taken.peer(), "rank 1");
  connection.client.send("x", 1);
  char byte = 0;
  taken.receive(&byte, 1);
  EXPECT_EQ(byte, 'x');
}

// A listener of both families adds a prefix to IPv4 addresses, which other hosts could not use.
TEST(Socket, KnowsItsOwnAddress) {
  for (const bool loopback : {true, false}) {
    Listener listener(loopback);
    const auto client = Socket::connect("127.0.0.1", listener.port(), Seconds(30));
    const auto server = listener.accept(Seconds(30));
    EXPECT_EQ(client.own_address(), "127.0.0.1");
    EXPECT_EQ(server.own_address(), "127.0.0.1");
  }
}

TEST(Listener, ChoosesAPortOfItsOwn) {
  const Listener one, other(/*loopback=*/true);
  EXPECT_GT(one.port(), 0);
  EXPECT_NE(one.port(), other.port());
}

TEST(Listener, GivesNoConnectionWhenNobodyComes) { EXPECT_FALSE(Listener(true).accept(Seconds(0)).open()); }

TEST(Listener, MovingKeepsThePort) {
  Listener first(true);
  const auto port = first.port();
  Listener second = std::move(first);
  EXPECT_EQ(second.port(), port);
  const auto client = Socket::connect("127.0.0.1", port, Seconds(30));
  EXPECT_TRUE(second.accept(Seconds(30)).open());
}

TEST(Addresses, ThoseOfTheLoopbackComeLast) {
  const auto addresses = own_addresses();
  ASSERT_FALSE(addresses.empty());
  EXPECT_TRUE(std::is_partitioned(addresses.begin(), addresses.end(),
                                  [](const std::string& address) { return !is_loopback(address); }));
  EXPECT_TRUE(is_loopback("127.0.1.1"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_FALSE(is_loopback("10.0.0.127"));
}

TEST(Token, Is32HexadecimalDigitsAndAnotherEachTime) {
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) {
    const auto token = random_token();
    EXPECT_EQ(token.size(), 32u);
    EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos) << token;
    tokens.insert(token);
  }
  EXPECT_EQ(tokens.size(), 100u);
}

}  // namespace
}  // namespace monge::dist

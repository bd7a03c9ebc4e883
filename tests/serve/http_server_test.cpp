// The server of HTTP against slow, greedy and broken clients. Times are generous by ten.
#include "monge/serve/http_server.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include "monge/core/error.h"
#include "tests/serve/client.h"
#include "tests/support/support.h"

namespace monge::serve {
namespace {

using monge::testing::message_of;
using testing::ask;
using testing::Client;
using ::testing::HasSubstr;
using testing::request_text;

constexpr int kSoon = 20000;  // ms

/// Answers with the length of the body; "/wait" waits until release(); "/throw" throws; "/events" streams.
class Echo {
 public:
  explicit Echo(HttpOptions options = {})
      : server_(options,
                {.admit = admit, .handle = [this](Request&& r, const Responder& to) { handle(std::move(r), to); }}) {
    server_.start();
  }
  ~Echo() { release(); }

  int64_t port() const { return server_.port(); }
  HttpServer& server() { return server_; }
  int waiting() const { return waiting_; }
  void release() {
    const std::lock_guard lock(guard_);
    for (const auto& responder : held_) responder.send({.type = "text/plain", .body = "late"});
    held_.clear();
  }
  std::shared_ptr<EventStream> events = std::make_shared<EventStream>();

 private:
  static std::optional<Response> admit(Request& request) {
    if (request.path.size() == 1 && request.path[0] == "no") return error_response(403, "no");
    return std::nullopt;
  }
  void handle(Request&& request, const Responder& to) {
    const auto path = request.path.empty() ? "" : request.path[0];
    if (path == "throw") throw InputError({.what = "bad input", .fix = "mend it"});
    if (path == "fail") throw SystemError("/secret/path failed");
    if (path == "drop") return;
    if (path == "events") return to.send({.type = "text/event-stream", .events = events});
    if (path == "large") return to.send({.type = "text/plain", .body = std::string(20 << 20, 'x')});
    if (path == "wait") {
      const std::lock_guard lock(guard_);
      held_.push_back(to);
      ++waiting_;
      return;
    }
    to.send({.type = "text/plain", .body = std::to_string(request.body.size())});
  }

  std::mutex guard_;
  std::vector<Responder> held_;
  std::atomic<int> waiting_{0};
  HttpServer server_;
};

TEST(HttpServer, AnswersInOrderOnOneConnection) {
  Echo echo;
  Client client(echo.port());
  client.send(request_text("POST", "/a", "12345") + request_text("GET", "/b") + request_text("POST", "/c", "123"));
  EXPECT_EQ(client.read_answer().body, "5");
  EXPECT_EQ(client.read_answer().body, "0");
  EXPECT_EQ(client.read_answer().body, "3");
  client.send("POST /d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_answer().body, "5");
  client.send(request_text("HEAD", "/e"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("200"));
}

TEST(HttpServer, ExceptionsAreAnswersWithoutTheWordsOfTheSystem) {
  Echo echo;
  const auto bad = ask(echo.port(), "GET", "/throw");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.body, "{\"error\":{\"what\":\"bad input\",\"fix\":\"mend it\"}}\n");
  const auto failed = ask(echo.port(), "GET", "/fail");
  EXPECT_EQ(failed.status, 500);
  EXPECT_THAT(failed.body, ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(ask(echo.port(), "GET", "/drop").status, 500);
}

TEST(HttpServer, LargeBodiesAreRefusedBeforeTheyAreRead) {
  Echo echo({.most_body = 1000});
  EXPECT_EQ(ask(echo.port(), "POST", "/", std::string(1000, 'x')).body, "1000");
  for (const char* length : {"1001", "10000000000", "99999999999999999999999"}) {
    Client client(echo.port());
    client.send(text("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ", length, "\r\n\r\n"));
    const int status = client.read_answer().status;  // the library itself refuses what is no 64-bit number
    EXPECT_TRUE(status == 413 || (status == 400 && std::string(length).size() > 19)) << length << " " << status;
    EXPECT_TRUE(client.is_closed_within(kSoon));
  }
  Client client(echo.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20 && client.send("64\r\n" + std::string(100, 'x') + "\r\n"); ++i) {
  }
  EXPECT_EQ(client.read_answer().status, 413);
  EXPECT_TRUE(client.is_closed_within(kSoon));
  EXPECT_EQ(ask(echo.port(), "GET", "/").status, 200);
}

TEST(HttpServer, AllBodiesTogetherAreBounded) {
  Echo echo({.most_body = 1000, .most_bodies = 1500});
  Client first(echo.port());
  first.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(900, 'x'));
  while (echo.server().body_bytes() < 900) std::this_thread::yield();
  const auto busy = ask(echo.port(), "POST", "/", std::string(900, 'x'));
  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(busy.headers.at("retry-after"), "1");
  first.send(std::string(100, 'x'));
  EXPECT_EQ(first.read_answer().body, "1000");
  while (echo.server().body_bytes() > 0) std::this_thread::yield();  // given back just after the answer
  EXPECT_EQ(ask(echo.port(), "POST", "/", std::string(900, 'x')).body, "900");
  while (echo.server().body_bytes() > 0) std::this_thread::yield();
}

TEST(HttpServer, SlowRequestsEnd) {
  Echo echo({.request_ms = 500, .idle_seconds = 300});
  Client body(echo.port()), header(echo.port()), silent(echo.port());
  body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  header.send("GET / HT");
  std::atomic<bool> ended{false};
  std::thread trickle([&] {  // progress does not help
    while (!ended && body.send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  EXPECT_EQ(body.read_answer().status, 408);
  EXPECT_TRUE(header.is_closed_within(kSoon));
  EXPECT_TRUE(silent.is_closed_within(kSoon));
  ended = true;
  trickle.join();
  Client idle(echo.port());
  idle.send(request_text("GET", "/"));
  EXPECT_EQ(idle.read_answer().status, 200);
  EXPECT_TRUE(idle.is_closed_within(kSoon));
}

TEST(HttpServer, ConnectionsWithoutProgressEnd) {
  Echo echo({.request_ms = 600000, .idle_seconds = 1});
  Client client(echo.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
  EXPECT_TRUE(client.is_closed_within(kSoon));
}

TEST(HttpServer, ThousandsOfIdleConnectionsLockNobodyOut) {
  Echo echo({.most_connections = 64, .request_ms = 600000, .idle_seconds = 600});
  std::vector<std::unique_ptr<Client>> idle;
  for (int i = 0; i < 600; ++i) {
    idle.push_back(std::make_unique<Client>(echo.port()));
    if (i % 3 == 0) idle.back()->send("GET / HTTP/1.1\r\nHost: ");
    if (i % 100 == 99) {
      EXPECT_EQ(ask(echo.port(), "GET", "/").status, 200) << i;
    }
  }
  EXPECT_EQ(ask(echo.port(), "POST", "/", "abc").body, "3");
  while (echo.server().connections() > 64) std::this_thread::yield();
  EXPECT_TRUE(idle.front()->is_closed_within(kSoon));
}

TEST(HttpServer, BrokenRequestsAreRefused) {
  Echo echo({.header_bytes = 8192});
  const std::string nul(1, '\0');
  for (const std::string& bytes : std::vector<std::string>{
           "nonsense\r\n\r\n", "GET\r\n\r\n", "\r\n\r\n\r\n", "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
           "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a" + nul + "b HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /" + std::string(20000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20000, 'a') + "\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", std::string(100000, 'A'),
           std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)}) {
    Client client(echo.port());
    client.send(bytes);
    client.is_closed_within(100);
    EXPECT_EQ(ask(echo.port(), "GET", "/").status, 200) << bytes.substr(0, 60);
  }
  const auto status_of = [&](const std::string& bytes) {
    Client client(echo.port());
    client.send(bytes);
    return client.read_answer().status;
  };
  EXPECT_EQ(status_of("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(HttpServer, HandlersHearOfClientsThatHaveGone) {
  std::atomic<bool> begun{false};
  std::promise<void> gone;
  HttpServer server({}, {.admit = [](Request&) -> std::optional<Response> { return std::nullopt; },
                         .handle =
                             [&](Request&&, const Responder& to) {
                               begun = true;
                               while (!to.gone()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
                               gone.set_value();
                             }});
  server.start();
  Client client(server.port());
  client.send(request_text("GET", "/"));
  while (!begun) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  client.close();
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::milliseconds(kSoon)), std::future_status::ready);
}

TEST(HttpServer, StreamsFlowUntilOneSideEnds) {
  Echo echo({.most_streams = 1});
  Client client(echo.port());
  client.send(request_text("GET", "/events"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("text/event-stream"));
  EXPECT_TRUE(echo.events->send("a", "1", "x\ny"));
  EXPECT_THAT(client.read_until("y\n\n"), HasSubstr("event: a\nid: 1\ndata: x\ndata: y\n\n"));
  EXPECT_EQ(echo.server().streams(), 1);
  const auto first = std::exchange(echo.events, std::make_shared<EventStream>());
  EXPECT_EQ(ask(echo.port(), "GET", "/events").status, 503);  // no more than one
  client.close();
  while (!first->closed()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(first->send("a", "2", "x"));
  while (echo.server().streams() > 0) std::this_thread::yield();
}

TEST(EventStream, AClientThatTakesNothingIsCutOff) {
  EventStream stream;
  const std::string megabyte(1 << 20, 'x');
  int sent = 0;
  while (stream.send("a", "1", megabyte)) ++sent;
  EXPECT_EQ(sent, 7);
  EXPECT_TRUE(stream.closed());
}

TEST(HttpServer, StopFinishesWhatHasBegun) {
  Echo echo;
  Client waits(echo.port()), idle(echo.port()), follows(echo.port()), large(echo.port());
  waits.send(request_text("GET", "/wait"));
  follows.send(request_text("GET", "/events"));
  follows.read_until("\r\n\r\n");
  while (echo.waiting() == 0) std::this_thread::yield();
  std::thread stop([&] { echo.server().stop(60); });
  EXPECT_THAT(follows.read_until("0\r\n\r\n"), HasSubstr("0\r\n\r\n"));  // the last chunk
  EXPECT_EQ(ask(echo.port(), "GET", "/").status, 0);                     // nobody listens
  echo.release();
  EXPECT_EQ(waits.read_answer().body, "late");
  stop.join();
  EXPECT_TRUE(idle.is_closed_within(kSoon));
}

TEST(HttpServer, StopDoesNotWaitForever) {
  Echo echo;
  Client client(echo.port());
  client.send(request_text("GET", "/wait"));
  while (echo.waiting() == 0) std::this_thread::yield();
  echo.server().stop(0.1);
  EXPECT_EQ(client.read_answer().status, 503);
  echo.release();  // after the end it does nothing
}

TEST(HttpServer, AddressesThatCannotBeListenedOnAreNamed) {
  Echo echo;
  EXPECT_THAT(message_of([&] { HttpServer({.port = echo.port()}, {}); }), HasSubstr("cannot listen there"));
  EXPECT_THAT(message_of([&] { HttpServer({.listen = "example.org"}, {}); }), HasSubstr("address in numbers"));
}

}  // namespace
}  // namespace monge::serve

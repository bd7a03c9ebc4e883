// monge data fetch, from outside: against a web server of the test, never the network.
#include <sstream>

#include "monge/core/files.h"
#include "monge/io/sha256.h"
#include "tests/cli/fixture.h"
#include "tests/support/http_server.h"
#include "tests/support/odd_archives.h"

namespace monge {
namespace {

using testing::file_reply;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;

class CliDataFetch : public ::testing::Test {
 protected:
  testing::Result run(const std::string& arguments) const { return monge(folder.path(), "data fetch " + arguments); }
  std::string tar(const std::string& name, size_t size) const {
    testing::write_odd_archive(folder / "made", "tar", {{"faces/" + name, std::string(size, 'f')}, {"../up", "bad"}});
    return testing::slurp(folder / "made");
  }
  /// Sends half of it and falls silent, once.
  HttpServer::Handler stalling(const std::string& body) const {
    return [body, asked = 0](const HttpRequest& request) mutable {
      auto reply = file_reply(request, body);
      if (asked++ == 0) reply.send = static_cast<int64_t>(body.size() / 2), reply.stall = true;
      return reply;
    };
  }

  testing::NoProxies no_proxies;
  testing::ScratchFolder folder;
};

TEST_F(CliDataFetch, FetchesSeveralAndSaysSo) {
  const auto body = tar("a.png", 5000);
  HttpServer server(
      [&](const HttpRequest& request) { return file_reply(request, request.target == "/list.txt" ? "x 1\n" : body); });
  const auto urls = server.url("/set.tar") + " " + server.url("/list.txt") + " ";
  const auto first = run("--json --sha256 " + io::sha256(body) + " --sha256 - " + urls + "sets/faces");
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.err, AllOf(HasSubstr("set.tar: fetched"), HasSubstr("as given by --sha256"),
                               HasSubstr("1 unsafe name (first: ../up)"), HasSubstr("list.txt: fetched"),
                               HasSubstr("note the value"), HasSubstr(io::sha256("x 1\n"))));
  EXPECT_EQ(testing::slurp(folder / "sets/faces/faces/a.png"), std::string(5000, 'f'));
  EXPECT_EQ(testing::slurp(folder / "sets/faces/list.txt"), "x 1\n");
  EXPECT_FALSE(fs::exists(folder / "sets/up"));
  std::istringstream lines(first.out);
  std::string line;
  std::getline(lines, line);
  const json expected{
      {"url", server.url("/set.tar")}, {"path", "sets/faces"}, {"state", "fetched"}, {"bytes", body.size()},
      {"sha256", io::sha256(body)},    {"entries", 1},         {"left_out", 1},      {"duplicates", 0}};
  EXPECT_EQ(json::parse(line), expected);
  std::getline(lines, line);
  EXPECT_EQ(json::parse(line)["path"], "sets/faces/list.txt");

  const auto again = run(urls + "sets/faces");
  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.err, AllOf(HasSubstr("set.tar: already fetched"), HasSubstr("list.txt: already fetched")));
  EXPECT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(run("-q " + urls + "sets/faces").err, "");
}

TEST_F(CliDataFetch, WrongUse) {
  const auto complaint = [&](const std::string& arguments) {
    const auto result = run(arguments);
    EXPECT_EQ(result.code, 2) << arguments << result.err;
    return result.err;
  };
  EXPECT_THAT(complaint("http://127.0.0.1:1/a.zip"), HasSubstr("the last argument must be the destination folder"));
  EXPECT_THAT(complaint("somewhere"), HasSubstr("no address is given"));
  EXPECT_THAT(complaint(""), HasSubstr("required"));
  EXPECT_THAT(complaint("ftp://host/a.zip d"), HasSubstr("http://, https://"));
  EXPECT_THAT(complaint("http://127.0.0.1:1/ d"), HasSubstr("--name"));
  EXPECT_THAT(complaint("--name x.zip http://127.0.0.1:1/a http://127.0.0.1:1/b d"),
              HasSubstr("one name for 2 addresses"));
  EXPECT_THAT(complaint("--sha256 12 http://127.0.0.1:1/a.zip d"),
              AllOf(HasSubstr("is not a SHA-256"), HasSubstr("12")));
  EXPECT_THAT(complaint("--sha256 - http://127.0.0.1:1/a.zip http://127.0.0.1:1/b.zip d"),
              HasSubstr("2 addresses, but 1 checksum;"));
  EXPECT_FALSE(fs::exists(folder / "d"));
  std::ofstream(folder / "file") << "";
  EXPECT_THAT(complaint("http://127.0.0.1:1/a.zip file"), HasSubstr("cannot create the folder"));
  HttpServer server([](const HttpRequest& request) { return file_reply(request, "bytes"); });
  EXPECT_THAT(complaint("--sha256 " + std::string(64, 'A') + " " + server.url("/a.txt") + " d"),
              AllOf(HasSubstr(std::string(64, 'a')), HasSubstr(io::sha256("bytes"))));
  EXPECT_FALSE(fs::exists(folder / "d"));
}

TEST_F(CliDataFetch, NamesTheFlagThatRaisesTheLimit) {
  HttpServer server([](const HttpRequest&) {
    return HttpReply{.headers = {{"Content-Length", "1000000001"}}, .body = "x", .say_length = false};
  });
  for (const std::string& line : {"data fetch --most-gb 1 " + server.url("/a.bin") + " d",
                                  "models fetch --most-gb 1 --models d " + server.url("/a.safetensors")}) {
    const auto result = monge(folder.path(), line);
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr(server.url("/a.")), HasSubstr("1000000001 bytes"),
                                  HasSubstr("at most 1000000000"), HasSubstr("--most-gb")));
  }
}

TEST_F(CliDataFetch, CtrlCKeepsThePartAndTheSameCommandGoesOn) {
  const auto body = tar("a.png", 400'000);
  HttpServer server(stalling(body));
  const auto line = "data fetch " + server.url("/set.tar") + " d";
  const auto work = folder / "d/.monge-fetch";
  // It has begun to unpack what came, so the part holds something.
  const auto sign = work / (content_hash(server.url("/set.tar")) + "-set.tar.unpacked") / "faces/a.png";
  const auto stopped = testing::monge_with_signal(folder.path(), line, sign, SIGINT);
  EXPECT_EQ(stopped.code, 3) << stopped.err;
  EXPECT_THAT(stopped.err, AllOf(HasSubstr("of set.tar are kept"), HasSubstr("run the same command again")));
  EXPECT_FALSE(fs::exists(folder / "d/faces"));
  const auto second = monge(folder.path(), line);
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(testing::slurp(folder / "d/faces/a.png"), std::string(400'000, 'f'));
  EXPECT_THAT(server.requests().at(1).header("range"), HasSubstr("bytes="));
  EXPECT_FALSE(fs::exists(work));
}

TEST_F(CliDataFetch, KilledInTheMiddleTheSameCommandGivesTheSame) {
  const auto body = tar("a.png", 400'000);
  HttpServer server(stalling(body));
  const auto line = "data fetch " + server.url("/set.tar") + " d";
  // It has begun to unpack what came.
  const auto sign =
      folder / "d/.monge-fetch" / (content_hash(server.url("/set.tar")) + "-set.tar.unpacked") / "faces/a.png";
  EXPECT_EQ(testing::monge_with_signal(folder.path(), line, sign, SIGKILL).code, 128 + SIGKILL);
  EXPECT_TRUE(fs::exists(sign));
  EXPECT_FALSE(fs::exists(folder / "d/faces"));
  const auto second = monge(folder.path(), line);
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(testing::slurp(folder / "d/faces/a.png"), std::string(400'000, 'f'));
  EXPECT_FALSE(fs::exists(folder / "d/.monge-fetch"));
}

}  // namespace
}  // namespace monge

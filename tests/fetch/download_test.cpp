#include "monge/fetch/download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/io/sha256.h"
#include "tests/support/http_server.h"
#include "tests/support/support.h"

namespace monge::fetch {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using testing::file_reply;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using testing::message_of;
using ::testing::Not;

/// Larger than one block of libcurl, so that a file comes in many pieces.
std::string content(char salt) {
  std::string out(300000, '\0');
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(i * 2654435761u >> 13) ^ salt;
  return out;
}

class DownloadTest : public ::testing::Test {
 protected:
  std::string read(const fs::path& path) const { return real_files().read(path); }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  }
  void expect_only_the_file() const {
    EXPECT_EQ(read(target), body);
    EXPECT_FALSE(fs::exists(folder / "f.part"));
    EXPECT_FALSE(fs::exists(folder / "f.part.from"));
  }
  static HttpServer::Handler serving(std::string bytes, std::string etag = "\"1\"") {
    return [bytes, etag](const HttpRequest& request) { return file_reply(request, bytes, etag); };
  }
  /// A server whose connection breaks after `sent` bytes, the first `times` times.
  HttpServer::Handler breaking(int64_t sent, int times, std::string etag = "\"1\"") {
    return [this, sent, times, etag, asked = std::make_shared<int>(0)](const HttpRequest& request) {
      auto reply = file_reply(request, body, etag);
      if ((*asked)++ < times) reply.send = sent;
      return reply;
    };
  }

  testing::NoProxies no_proxies;
  testing::ScratchFolder folder;
  const fs::path target = folder / "f";
  const std::string body = content('a'), other = content('b');
  const int64_t size = static_cast<int64_t>(body.size()), half = size / 2;
  DownloadOptions checked{.bytes = size, .sha256 = io::sha256(body), .wait_seconds = 0};
};

TEST_F(DownloadTest, FetchesWholeFiles) {
  HttpServer server(serving(body));
  int64_t done = -1, total = 0;
  checked.progress = [&](int64_t now, int64_t of) {
    EXPECT_GE(now, done);
    done = now;
    total = of;
  };
  const auto result = download(server.url("/a/f"), folder / "new/inner/f", checked);
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.bytes, size);
  EXPECT_EQ(result.received, size);
  EXPECT_EQ(result.sha256, io::sha256(body));
  EXPECT_EQ(read(folder / "new/inner/f"), body);
  EXPECT_EQ(done, size);
  EXPECT_EQ(total, size);
  const auto request = server.requests().at(0);
  EXPECT_EQ(request.target, "/a/f");
  EXPECT_EQ(request.header("range"), "");
  EXPECT_THAT(request.header("user-agent"), HasSubstr("monge/"));
}

TEST_F(DownloadTest, FetchesWhatNothingIsKnownOf) {
  HttpServer server([&](const HttpRequest&) { return HttpReply{.body = body, .say_length = false}; });
  EXPECT_EQ(download(server.url("/f"), target).sha256, io::sha256(body));
  expect_only_the_file();
  HttpServer empty([&](const HttpRequest&) { return HttpReply{}; });
  EXPECT_TRUE(download(empty.url("/f"), folder / "empty").complete);
  EXPECT_EQ(read(folder / "empty"), "");
}

// Each answer is complete by itself and brings less than was asked for.
TEST_F(DownloadTest, GoesOnWhereAServerSendsShorterRangesThanItWasAskedFor) {
  HttpServer server([this](const HttpRequest& request) {
    HttpReply reply{.headers = {{"ETag", "\"1\""}}, .body = body};
    const auto range = request.header("range");
    if (range.empty()) {
      reply.send = half;
      return reply;
    }
    const int64_t from = std::stoll(range.substr(range.find('=') + 1)), to = std::min<int64_t>(from + size / 8, size);
    reply.status = 206;
    reply.headers.push_back({"Content-Range", text("bytes ", from, "-", to - 1, "/", size)});
    reply.body = body.substr(static_cast<size_t>(from), static_cast<size_t>(to - from));
    return reply;
  });
  const auto result = download(server.url("/f"), target, {.wait_seconds = 0});
  EXPECT_TRUE(result.complete);
  expect_only_the_file();
}

TEST_F(DownloadTest, GoesOnFromTheMiddle) {
  HttpServer server(breaking(half, 1));
  checked.tries = 1;
  const auto broken = message_of([&] { download(server.url("/f"), target, checked); });
  EXPECT_THAT(broken, AllOf(HasSubstr(server.url("/f")),
                            HasSubstr(text("was interrupted, after ", half, " of ", size, " bytes")),
                            HasSubstr("run the command again"), HasSubstr("f.part")));
  EXPECT_FALSE(fs::exists(target));
  EXPECT_EQ(read(folder / "f.part"), body.substr(0, half));

  const auto result = download(server.url("/f"), target, checked);
  EXPECT_EQ(result.received, size - half);
  EXPECT_EQ(server.requests().at(1).header("range"), text("bytes=", half, "-"));
  EXPECT_EQ(server.requests().at(1).header("if-range"), "\"1\"");
  expect_only_the_file();
}

TEST_F(DownloadTest, ABrokenTransferIsMendedInOneCall) {
  HttpServer server(breaking(half, 1));
  const auto result = download(server.url("/f"), target, checked);
  EXPECT_EQ(result.received, size);
  EXPECT_EQ(server.requests().size(), 2u);
  expect_only_the_file();
}

TEST_F(DownloadTest, TriesThatGetFurtherAreNotCounted) {
  HttpServer server(breaking(1000, 8));  // each sends 1,000 bytes more
  checked.tries = 2;
  EXPECT_TRUE(download(server.url("/f"), target, checked).complete);
  EXPECT_EQ(server.requests().size(), 9u);
  expect_only_the_file();
}

TEST_F(DownloadTest, AServerInTroubleIsAskedAgainAFewTimes) {
  int asked = 0;
  HttpServer server(
      [&](const HttpRequest& request) { return ++asked < 3 ? HttpReply{.status = 503} : file_reply(request, body); });
  EXPECT_TRUE(download(server.url("/f"), target, checked).complete);
  HttpServer busy([&](const HttpRequest&) { return HttpReply{.status = 503, .body = "come back later"}; });
  EXPECT_THAT(message_of([&] { download(busy.url("/f"), folder / "g", checked); }),
              AllOf(HasSubstr("answered 503"), HasSubstr("tried 4 times")));
  EXPECT_EQ(busy.requests().size(), 4u);
  EXPECT_FALSE(fs::exists(folder / "g.part"));
}

TEST_F(DownloadTest, AServerWithoutRangesSendsAllFromTheBeginning) {
  HttpServer server([&](const HttpRequest&) { return HttpReply{.body = body}; });
  write("f.part", other.substr(0, half));
  const auto result = download(server.url("/f"), target, checked);
  EXPECT_EQ(server.requests().at(0).header("range"), text("bytes=", half, "-"));
  EXPECT_EQ(result.received, size);
  EXPECT_EQ(server.requests().size(), 1u);
  expect_only_the_file();
}

TEST_F(DownloadTest, AFileThatChangedMeanwhileIsNotSpliced) {
  const DownloadOptions unchecked{.tries = 1, .wait_seconds = 0};
  HttpServer server([&, asked = 0](const HttpRequest& request) mutable {
    auto reply = asked == 0 ? file_reply(request, other, "\"old\"") : file_reply(request, body, "\"new\"");
    if (asked++ == 0) reply.send = half;
    return reply;
  });
  message_of([&] { download(server.url("/f"), target, unchecked); });
  EXPECT_EQ(read(folder / "f.part"), other.substr(0, half));
  EXPECT_EQ(download(server.url("/f"), target, unchecked).received, size);
  EXPECT_EQ(server.requests().at(1).header("if-range"), "\"old\"");
  expect_only_the_file();
}

TEST_F(DownloadTest, AServerThatHeedsRangesButNotIfRangeIsSeenThrough) {
  const DownloadOptions unchecked{.tries = 1, .wait_seconds = 0};
  HttpServer server([&, asked = 0](HttpRequest request) mutable {
    request.headers.erase("if-range");
    auto reply = asked == 0 ? file_reply(request, other, "\"old\"") : file_reply(request, body, "\"new\"");
    if (asked++ == 0) reply.send = half;
    return reply;
  });
  message_of([&] { download(server.url("/f"), target, unchecked); });
  EXPECT_TRUE(download(server.url("/f"), target, unchecked).complete);
  ASSERT_EQ(server.requests().size(), 3u);  // broken, refused to splice, whole
  EXPECT_EQ(server.requests().at(2).header("range"), "");
  expect_only_the_file();
}

TEST_F(DownloadTest, APartOfUnknownOriginIsGoneOnFromOnlyWhereTheHashWillTell) {
  HttpServer server(serving(body));
  write("f.part", body.substr(0, half));
  EXPECT_EQ(download(server.url("/f"), target, checked).received, size - half);
  EXPECT_EQ(server.requests().at(0).header("if-range"), "");
  expect_only_the_file();

  write("f.part", other.substr(0, half));
  EXPECT_EQ(download(server.url("/f"), target, {.bytes = size}).received, size);
  EXPECT_EQ(server.requests().at(1).header("range"), "");
  expect_only_the_file();

  write("f.part", other.substr(0, half));  // a false part: spliced, found out, fetched afresh
  EXPECT_EQ(download(server.url("/f"), target, checked).received, size - half + size);
  expect_only_the_file();
}

TEST_F(DownloadTest, WithoutAValidatorABrokenTransferBeginsAnewUnlessTheHashWillTell) {
  HttpServer server(breaking(half, 1, ""));
  EXPECT_EQ(download(server.url("/f"), target, {.wait_seconds = 0}).received, half + size);
  EXPECT_EQ(server.requests().at(1).header("range"), "");
  expect_only_the_file();
}

TEST_F(DownloadTest, AWeakETagIsNoValidator) {
  HttpServer server([&](const HttpRequest& request) {
    auto reply = file_reply(request, body, "W/\"1\"");
    reply.headers.emplace_back("Last-Modified", "Sun, 22 Nov 2026 10:00:00 GMT");
    if (request.header("range").empty()) reply.send = half;
    return reply.status == 200 && !request.header("range").empty() ? HttpReply{.body = body} : reply;
  });
  EXPECT_TRUE(download(server.url("/f"), target, {.wait_seconds = 0}).complete);
  EXPECT_EQ(server.requests().at(1).header("if-range"), "Sun, 22 Nov 2026 10:00:00 GMT");
  expect_only_the_file();
}

TEST_F(DownloadTest, APartThatIsWholeIsNotAskedForAgain) {
  HttpServer server(serving(body));
  write("f.part", body);
  EXPECT_EQ(download(server.url("/f"), target, checked).received, 0);
  EXPECT_TRUE(server.requests().empty());
  expect_only_the_file();
  for (const auto& bad : {other, body + "x"}) {  // of the right size and of a larger one
    write("f.part", bad);
    EXPECT_EQ(download(server.url("/f"), target, checked).received, size);
    expect_only_the_file();
  }
  write("f.part", body);  // whole, but its size is not known: the server says 416
  EXPECT_EQ(download(server.url("/f"), target, {.sha256 = io::sha256(body)}).received, size);
  expect_only_the_file();
}

TEST_F(DownloadTest, AFalsePartIsNotTakenAgainWhenTheServerIsInTrouble) {
  HttpServer server([&, asked = 0](const HttpRequest& request) mutable {
    return asked++ == 0 ? HttpReply{.status = 503} : file_reply(request, body);
  });
  write("f.part", other);
  EXPECT_EQ(download(server.url("/f"), target, checked).received, size);
  EXPECT_EQ(server.requests().at(1).header("range"), "");
  expect_only_the_file();
}

TEST_F(DownloadTest, AWrongHashIsNotPublished) {
  HttpServer server(serving(other));
  write("f", "old");
  const auto message = message_of([&] { download(server.url("/f"), target, checked); });
  EXPECT_THAT(message, AllOf(HasSubstr(server.url("/f")), HasSubstr("wrong SHA-256"), HasSubstr(io::sha256(other)),
                             HasSubstr(io::sha256(body)), HasSubstr("nothing of the download was kept")));
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(read(target), "old");
  EXPECT_FALSE(fs::exists(folder / "f.part"));
  EXPECT_FALSE(fs::exists(folder / "f.part.from"));
}

TEST_F(DownloadTest, AWrongSizeIsNotPublished) {
  HttpServer server(serving(body + "x"));
  const auto wrong = AllOf(HasSubstr("wrong size"), HasSubstr(text("allowed: ", size)));
  EXPECT_THAT(message_of([&] { download(server.url("/f"), target, {.bytes = size}); }),
              AllOf(wrong, HasSubstr(text(size + 1, " bytes"))));
  HttpServer silent([&](const HttpRequest&) { return HttpReply{.body = body + "x", .say_length = false}; });
  EXPECT_THAT(message_of([&] { download(silent.url("/f"), target, {.bytes = size}); }),
              AllOf(wrong, HasSubstr("more than")));
  HttpServer less(
      [&](const HttpRequest&) { return HttpReply{.body = "<html>log in first</html>", .say_length = false}; });
  EXPECT_THAT(message_of([&] { download(less.url("/f"), target, {.bytes = size}); }),
              AllOf(wrong, HasSubstr("got 25 bytes")));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(DownloadTest, SaysWhatTheServerAnswered) {
  for (const auto& [status, phrase] : {std::pair{404, "there is no such file"},
                                       {403, "access to this file is denied"},
                                       {407, "the proxy requires a user name and a password"},
                                       {204 + 96, "instead of sending the file"}}) {
    HttpServer server(
        [&, code = status](const HttpRequest&) { return HttpReply{.status = code, .body = "<html>sorry</html>"}; });
    EXPECT_THAT(message_of([&] { download(server.url("/f"), target, checked); }),
                AllOf(HasSubstr(server.url("/f")), HasSubstr(text("answered ", status)), HasSubstr(phrase)));
    EXPECT_EQ(server.requests().size(), 1u);
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(DownloadTest, FollowsRedirectsToWebServersOnly) {
  HttpServer server([&](const HttpRequest& request) {
    if (request.target == "/f")
      return HttpReply{.status = 302, .headers = {{"Location", "/moved"}}, .body = "elsewhere"};
    if (request.target == "/file") return HttpReply{.status = 302, .headers = {{"Location", "file:///etc/hostname"}}};
    if (request.target == "/circle") return HttpReply{.status = 302, .headers = {{"Location", "/circle"}}};
    return file_reply(request, body);
  });
  EXPECT_TRUE(download(server.url("/f"), target, checked).complete);
  EXPECT_EQ(server.requests().at(1).target, "/moved");
  expect_only_the_file();
  DownloadOptions any{.tries = 1, .allow_file_urls = true};
  EXPECT_THAT(message_of([&] { download(server.url("/file"), folder / "g", any); }),
              HasSubstr("a protocol that is not followed"));
  EXPECT_THAT(message_of([&] { download(server.url("/circle"), folder / "g", any); }),
              HasSubstr("redirects too many times"));
}

TEST_F(DownloadTest, FilesAreNoWebServersUnlessAllowed) {
  write("source", body);
  const auto url = "file://" + (folder / "source").string();
  EXPECT_THAT(message_of([&] { download(url, target, checked); }),
              AllOf(HasSubstr("cannot be fetched"), HasSubstr(url), HasSubstr("http://, https://")));
  EXPECT_THAT(message_of([&] { download("ftp://example.org/f", target, checked); }), HasSubstr("cannot be fetched"));
  EXPECT_THAT(message_of([&] { download("f", target, checked); }), HasSubstr("cannot be fetched"));
  checked.allow_file_urls = true;
  write("f.part", other.substr(0, half));
  EXPECT_TRUE(download(url, target, checked).complete);
  expect_only_the_file();
  EXPECT_THAT(message_of([&] { download(url + "-absent", folder / "g", checked); }), HasSubstr("cannot be read"));
}

TEST_F(DownloadTest, ASilentServerIsGivenUp) {
  HttpServer server([&](const HttpRequest& request) {
    auto reply = file_reply(request, body);
    reply.send = half, reply.stall = true;
    return reply;
  });
  checked.tries = 1;
  checked.stall_seconds = 0.2;
  EXPECT_THAT(message_of([&] { download(server.url("/f"), target, checked); }),
              AllOf(HasSubstr("no data arrived for 0.2 s"), HasSubstr(server.url("/f"))));
}

TEST_F(DownloadTest, StopsAndKeepsThePart) {
  bool stall = true;
  HttpServer server([&](const HttpRequest& request) {
    auto reply = file_reply(request, body);
    if (stall) reply.send = half, reply.stall = true;
    return reply;
  });
  std::atomic<bool> stop = false;
  checked.stop = &stop;
  checked.progress = [&](int64_t done, int64_t) { stop = done == half; };
  const auto stopped = download(server.url("/f"), target, checked);
  EXPECT_FALSE(stopped.complete);
  EXPECT_EQ(stopped.bytes, half);
  EXPECT_FALSE(fs::exists(target));
  EXPECT_EQ(read(folder / "f.part"), body.substr(0, half));
  stall = false, stop = false;
  checked.progress = {};
  EXPECT_EQ(download(server.url("/f"), target, checked).received, size - half);
  expect_only_the_file();
}

TEST_F(DownloadTest, AsksTheProxyOfTheEnvironment) {
  HttpServer proxy(serving(body));
  const testing::ScopedVariable variable("http_proxy", proxy.url());
  EXPECT_TRUE(download("http://weights.example/f", target, checked).complete);
  EXPECT_EQ(proxy.requests().at(0).target, "http://weights.example/f");
  expect_only_the_file();

  HttpServer server(serving(body));
  const testing::ScopedVariable exception("no_proxy", "127.0.0.1");
  EXPECT_TRUE(download(server.url("/f"), target, checked).complete);
  EXPECT_EQ(server.requests().at(0).target, "/f");
}

TEST_F(DownloadTest, SaysThatNobodyAnswers) {
  std::string url;
  {
    HttpServer gone(serving(body));
    url = gone.url("/f");
  }
  checked.tries = 2;
  EXPECT_THAT(
      message_of([&] { download(url, target, checked); }),
      AllOf(HasSubstr(url), HasSubstr("cannot be reached"), HasSubstr("tried 2 times"), HasSubstr("http_proxy")));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(DownloadTest, PasswordsStayOutOfMessagesAndFiles) {
  EXPECT_EQ(without_credentials("https://me:secret@host/a@b?c"), "https://host/a@b?c");
  EXPECT_EQ(without_credentials("https://host/a@b"), "https://host/a@b");
  EXPECT_EQ(without_credentials("https://host"), "https://host");
  HttpServer server(breaking(half, 1));
  auto url = server.url("/f");
  url.insert(url.find("127"), "me:secret@");
  checked.tries = 1;
  EXPECT_THAT(message_of([&] { download(url, target, checked); }),
              AllOf(HasSubstr(server.url("/f")), Not(HasSubstr("secret"))));
  EXPECT_THAT(read(folder / "f.part.from"), Not(HasSubstr("secret")));
  EXPECT_THAT(server.requests().at(0).header("authorization"), HasSubstr("Basic "));
}

TEST_F(DownloadTest, OneProcessAtATime) {
  HttpServer* inner = nullptr;
  HttpServer server([&](const HttpRequest& request) {
    EXPECT_THAT(message_of([&] { download(inner->url("/f"), target, checked); }),
                HasSubstr("another process is fetching this file"));
    return file_reply(request, body);
  });
  inner = &server;
  EXPECT_TRUE(download(server.url("/f"), target, checked).complete);
  expect_only_the_file();
}

TEST_F(DownloadTest, ADestinationThatCannotBeWrittenIsSaid) {
  write("file", "");
  EXPECT_THAT(message_of([&] { download("http://127.0.0.1:1/f", folder / "file/f", checked); }),
              HasSubstr("cannot create the folder"));
  fs::create_directory(folder / "busy.part");
  EXPECT_THAT(message_of([&] { download("http://127.0.0.1:1/f", folder / "busy", checked); }),
              HasSubstr("busy.part: cannot open"));
}

}  // namespace
}  // namespace monge::fetch

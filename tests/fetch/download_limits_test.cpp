// Downloads are bounded by a limit and by the disk, whatever a server says or does not say about their size.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/file_system.h"
#include "monge/core/files.h"
#include "monge/fetch/download.h"
#include "tests/support/http_server.h"
#include "tests/support/support.h"

namespace monge::fetch {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using testing::message_of;
using ::testing::Not;

/// The disk has 10 KiB left.
struct NearlyFullDisk : FileSystem {
  int free_space(int /*file*/, struct statvfs& facts) override {
    facts = {};
    facts.f_blocks = 1000, facts.f_bavail = 10, facts.f_frsize = 1024;
    return 0;
  }
};

/// The body in chunks of the protocol.
std::string chunked(const std::string& body) {
  std::ostringstream out;
  constexpr size_t kChunk = 10'000;
  for (size_t at = 0; at < body.size(); at += kChunk) {
    const auto part = body.substr(at, kChunk);
    out << std::hex << part.size() << "\r\n" << part << "\r\n";
  }
  out << "0\r\n\r\n";
  return out.str();
}

class DownloadLimits : public ::testing::Test {
 protected:
  /// A server that says nothing of the size, or with `said` this of it.
  HttpServer::Handler in_chunks(const std::string& said = "") const {
    HttpReply reply{.headers = {{"Transfer-Encoding", "chunked"}}, .body = chunked(body), .say_length = false};
    if (!said.empty()) reply.headers.emplace_back("Content-Length", said);
    return [reply](const HttpRequest&) { return reply; };
  }
  void expect_nothing_there() const {
    for (const char* ending : {"", ".part", ".part.from"}) EXPECT_FALSE(fs::exists(target.string() + ending)) << ending;
  }

  testing::NoProxies no_proxies;
  testing::ScratchFolder folder;
  const fs::path target = folder / "f";
  const std::string body = std::string(60'000, 'b');
  const int64_t size = static_cast<int64_t>(body.size());
};

TEST_F(DownloadLimits, HoldWithoutALength) {
  for (const bool in_chunks : {true, false}) {
    HttpServer server(in_chunks ? this->in_chunks()
                                : [this](const HttpRequest&) { return HttpReply{.body = body, .say_length = false}; });
    EXPECT_THAT(message_of([&] { download(server.url("/f"), target, {.most_bytes = size - 1}); }),
                AllOf(HasSubstr(server.url("/f")), HasSubstr("the file is larger than a download may be"),
                      HasSubstr("more than 59999 bytes"), HasSubstr("at most 59999"),
                      HasSubstr("DownloadOptions::most_bytes")));
    expect_nothing_there();
    EXPECT_EQ(server.requests().size(), 1u) << "a repetition would bring the same";
    EXPECT_TRUE(download(server.url("/f"), target, {.most_bytes = size}).complete);
    EXPECT_EQ(real_files().read(target), body);
    fs::remove(target);
  }
}

TEST_F(DownloadLimits, RefuseALengthBeforeItsFirstByte) {
  HttpServer server([this](const HttpRequest&) { return HttpReply{.body = body}; });
  bool began = false;
  const DownloadOptions options{.most_bytes = size - 1, .progress = [&](int64_t, int64_t) { began = true; }};
  EXPECT_THAT(message_of([&] { download(server.url("/f"), target, options); }),
              AllOf(HasSubstr("got 60000 bytes"), HasSubstr("at most 59999")));
  EXPECT_FALSE(began);
  expect_nothing_there();
}

// A chunked body ends where its last chunk does, and a length beside it does not count. A server that says both would
// otherwise be asked again and again for a file that never has the size it said.
TEST_F(DownloadLimits, IgnoreALengthBesideChunks) {
  for (const char* said : {"1", "59999", "60001", "99999999999999"}) {
    HttpServer server(in_chunks(said));
    EXPECT_TRUE(download(server.url("/f"), target, {.tries = 1}).complete) << said;
    EXPECT_EQ(real_files().read(target), body);
    EXPECT_EQ(server.requests().size(), 1u);
    fs::remove(target);
    EXPECT_THAT(message_of([&] { download(server.url("/f"), target, {.most_bytes = size - 1}); }),
                HasSubstr("more than 59999 bytes"));
    expect_nothing_there();
  }
}

// Space and limits are checked for what the answer to a range announces, so more than that is not taken.
TEST_F(DownloadLimits, HoldForAnAnswerToARangeThatSendsMoreThanItSays) {
  for (const bool again : {false, true}) {
    int64_t asked = 0;
    HttpServer server([&](const HttpRequest& request) {
      ++asked;
      HttpReply reply{.headers = {{"ETag", "\"1\""}}, .body = body};
      if (request.header("range").empty()) {
        reply.send = asked == 1 || again ? 30'000 : -1;
        return reply;
      }
      reply.status = 206, reply.say_length = false;
      reply.headers.push_back({"Content-Range", "bytes 30000-59999/60000"});
      reply.headers.push_back({"Transfer-Encoding", "chunked"});
      reply.body = chunked(std::string(3'000'000, 'x'));
      return reply;
    });
    int64_t most = 0;
    const DownloadOptions options{
        .tries = 2, .wait_seconds = 0, .progress = [&](int64_t done, int64_t) { most = std::max(most, done); }};
    if (again) {
      EXPECT_THAT(message_of([&] { download(server.url("/f"), target, options); }), HasSubstr("was interrupted"))
          << "a server that always does so is given up";
      EXPECT_LE(server.requests().size(), 8u);
      fs::remove(target.string() + ".part");
      fs::remove(target.string() + ".part.from");
    } else {
      EXPECT_TRUE(download(server.url("/f"), target, options).complete);
      EXPECT_EQ(real_files().read(target), body) << "downloaded from the beginning";
      EXPECT_EQ(server.requests().size(), 3u);
      fs::remove(target);
    }
    EXPECT_LE(most, size);
  }
}

// The part may have taken hours, and only the limit is wrong.
TEST_F(DownloadLimits, ThatAreTooLowForAPartKeepIt) {
  bool breaks = true;
  HttpServer server([&](const HttpRequest& request) {
    auto reply = testing::file_reply(request, body);
    if (breaks) reply.send = 30'000;
    return reply;
  });
  EXPECT_THAT(message_of([&] { download(server.url("/f"), target, {.tries = 1}); }), HasSubstr("30000 bytes are kept"));
  breaks = false;
  for (const int64_t most : {size - 1, int64_t{100}}) {
    EXPECT_THAT(message_of([&] { download(server.url("/f"), target, {.most_bytes = most}); }),
                AllOf(HasSubstr("got 60000 bytes"), HasSubstr(text("at most ", most)),
                      HasSubstr(text("30000 bytes are kept in ", target.string(), ".part"))));
  }
  const auto result = download(server.url("/f"), target);
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.received, 30'000) << "it was resumed";
  EXPECT_EQ(real_files().read(target), body);
}

TEST_F(DownloadLimits, AreNotReachedByWhatTheDiskCannotHold) {
  HttpServer server([this](const HttpRequest&) { return HttpReply{.body = body}; });
  NearlyFullDisk full;
  const ScopedFileSystem scope(full);
  EXPECT_THAT(message_of([&] { download(server.url("/f"), target); }),
              AllOf(HasSubstr(server.url("/f")), HasSubstr("10240 bytes are free, at least 60000 are needed"),
                    HasSubstr("free some space and run the command again")));
  expect_nothing_there();
}

// Without a length the space is looked at now and then, so that a download never fills the disk.
TEST_F(DownloadLimits, LeaveTheDiskSomeSpaceWithoutALength) {
  const std::string large(size_t{17} << 20, 'l');
  HttpServer server([&](const HttpRequest&) { return HttpReply{.body = large, .say_length = false}; });
  NearlyFullDisk full;
  const ScopedFileSystem scope(full);
  EXPECT_THAT(message_of([&] { download(server.url("/f"), target); }),
              AllOf(HasSubstr("10240 bytes are free, at least 268435456 are needed"), HasSubstr("bytes are kept in ")));
  EXPECT_FALSE(fs::exists(target));
  EXPECT_LT(fs::file_size(target.string() + ".part"), large.size());
}

}  // namespace
}  // namespace monge::fetch

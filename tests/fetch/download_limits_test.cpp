// Downloads are bounded by a limit and by the disk, whatever a server says or does not say about their size.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/statvfs.h>

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

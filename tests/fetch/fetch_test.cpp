#include "monge/fetch/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/io/sha256.h"
#include "tests/support/files.h"
#include "tests/support/http_server.h"
#include "tests/support/odd_archives.h"
#include "tests/support/support.h"

namespace monge::fetch {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::file_reply;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using testing::message_of;
using testing::noise_bytes;
using testing::OddEntry;
using testing::write_odd_archive;

class FetchTest : public ::testing::Test {
 protected:
  std::string archive(const std::string& kind, const std::vector<OddEntry>& entries) const {
    write_odd_archive(folder / "made", kind, entries);
    return real_files().read(folder / "made");
  }
  Fetched get(const std::string& path) { return fetch(server.url(path), data, options); }
  /// All files of the data folder but the record; "?" where there is a trace of work.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(data)) {
      const auto name = entry.path().lexically_relative(data).string();
      if (entry.is_regular_file() && name != ".monge-fetch.json") out[name] = real_files().read(entry.path());
    }
    return out;
  }
  nlohmann::json record() const {
    return nlohmann::json::parse(real_files().read(data / ".monge-fetch.json")).at("fetched");
  }

  testing::NoProxies no_proxies;
  testing::ScratchFolder folder;
  const fs::path data = folder / "data";
  const std::string big = noise_bytes(300'000, 1);
  const std::vector<OddEntry> entries = {{"faces/a.png", big}, {"faces/b.png", "b"}};
  const std::map<std::string, std::string> unpacked = {{"faces/a.png", big}, {"faces/b.png", "b"}};
  std::map<std::string, std::string> served;  ///< by target
  std::function<void(HttpReply&)> spoil = [](HttpReply&) {};
  std::vector<std::string> logged;
  FetchOptions options{.download = {.tries = 1, .wait_seconds = 0},
                       .log = [this](LogLevel, const std::string& line) { logged.push_back(line); }};
  HttpServer server{[this](const HttpRequest& request) {
    const auto found = served.find(request.target);
    if (found == served.end()) return HttpReply{.status = 404};
    auto reply = file_reply(request, found->second, '"' + io::sha256(found->second) + '"');
    spoil(reply);
    return reply;
  }};
};

TEST_F(FetchTest, FetchesUnpacksRecordsAndRepeatsNothing) {
  for (const std::string kind : {"tar", "tar.gz", "zip", "7z"}) {
    const auto target = "/" + kind + "/set." + kind;
    served[target] = archive(kind, entries);
    const auto result = get(target);
    EXPECT_EQ(result.state, Fetched::fetched) << kind;
    EXPECT_EQ(result.path, data);
    EXPECT_EQ(result.file.sha256, io::sha256(served[target]));
    EXPECT_EQ(result.file.entries, 2);
    EXPECT_EQ(files(), unpacked) << kind;
    const auto asked = server.requests().size();
    EXPECT_EQ(get(target).state, Fetched::there) << kind;
    EXPECT_EQ(server.requests().size(), asked) << "it asked again";
  }
  ASSERT_EQ(record().size(), 4u);
  const auto first = record()[0];
  EXPECT_EQ(first["url"], server.url("/tar/set.tar"));
  EXPECT_EQ(first["bytes"], served["/tar/set.tar"].size());
  EXPECT_EQ(first["entries"], 2);
  EXPECT_EQ(first["holds"], nlohmann::json({"faces"}));
  EXPECT_EQ(first["date"].get<std::string>().size(), 20u);
  EXPECT_FALSE(fs::exists(data / ".monge-fetch")) << "work was left behind";
}

TEST_F(FetchTest, PlainFilesAreSimplyPutThere) {
  served["/list%20a.txt?x=1"] = "one two";
  const auto result = get("/list%20a.txt?x=1");
  EXPECT_EQ(result.path, data / "list a.txt");
  EXPECT_EQ(real_files().read(result.path), "one two");
  EXPECT_EQ(get("/list%20a.txt?x=1").state, Fetched::there);
  fs::remove(data / "list a.txt");
  EXPECT_EQ(get("/list%20a.txt?x=1").state, Fetched::fetched);
  EXPECT_THAT(logged, ElementsAre(HasSubstr("was fetched before and is missing")));
  real_files().replace(data / "list a.txt", "edited by the user");
  EXPECT_THAT(message_of([&] { get("/list%20a.txt?x=1"); }),
              AllOf(HasSubstr("changed after it was fetched"), HasSubstr("list a.txt")));
  EXPECT_EQ(real_files().read(data / "list a.txt"), "edited by the user");
}

TEST_F(FetchTest, GoesOnAfterABreakAndUnpacksTheSame) {
  for (const std::string kind : {"tar", "tar.gz", "zip", "7z"}) {
    fs::remove_all(data);
    const auto target = "/" + kind + "/set." + kind;
    served[target] = archive(kind, entries);
    spoil = [](HttpReply& reply) { reply.send = static_cast<int64_t>(reply.body.size() / 2); };
    EXPECT_THAT(message_of([&] { get(target); }),
                AllOf(HasSubstr("the transfer was interrupted"), HasSubstr("run the command again")))
        << kind;
    for (const auto& [name, bytes] : files())
      EXPECT_THAT(name, HasSubstr(".monge-fetch/")) << "half a set was published";
    spoil = [](HttpReply&) {};
    get(target);
    EXPECT_EQ(server.requests().back().header("range"), text("bytes=", served[target].size() / 2, "-"));
    EXPECT_EQ(files(), unpacked) << kind;
  }
}

TEST_F(FetchTest, AServerThatChangesItsFileMidwayGivesTheNewOneOnly) {
  const auto old = archive("tar", {{"old.png", noise_bytes(500'000, 9)}, {"older.png", "o"}});
  served["/set.tar"] = old;
  spoil = [&](HttpReply& reply) {
    if (reply.body == old) {
      reply.send = 400'000;
      served["/set.tar"] = archive("tar", entries);
    }
  };
  options.download.tries = 4;
  const auto result = get("/set.tar");
  EXPECT_NE(served["/set.tar"], old);
  EXPECT_EQ(result.file.sha256, io::sha256(served["/set.tar"]));
  EXPECT_GE(server.requests().size(), 2u);
  EXPECT_EQ(files(), unpacked);
}

TEST_F(FetchTest, AWrongHashPublishesNothingAndNamesBoth) {
  served["/set.tar"] = archive("tar", entries);
  options.sha256 = std::string(64, 'a');
  EXPECT_THAT(
      message_of([&] { get("/set.tar"); }),
      AllOf(HasSubstr(io::sha256(served["/set.tar"])), HasSubstr(options.sha256), HasSubstr(server.url("/set.tar"))));
  EXPECT_FALSE(fs::exists(data)) << "an empty folder was left behind";
  options.sha256 = io::sha256(served["/set.tar"]);
  EXPECT_EQ(get("/set.tar").state, Fetched::fetched);
  EXPECT_EQ(get("/set.tar").state, Fetched::there);
  options.sha256 = std::string(64, 'b');
  EXPECT_THAT(
      message_of([&] { get("/set.tar"); }),
      AllOf(HasSubstr("another SHA-256"), HasSubstr(io::sha256(served["/set.tar"])), HasSubstr(options.sha256)));
  EXPECT_EQ(files(), unpacked);
}

// The tar ends before the checksum of what it is compressed by, which nothing else would compare.
TEST_F(FetchTest, ADamagedChecksumOfTheCompressionIsSeenWithoutASha256) {
  for (const std::string kind : {"tar.gz", "tar.bz2", "tar.xz", "tar.zst"}) {
    auto bytes = archive(kind, entries);
    const size_t from_end = kind == "tar.gz" ? 8 : kind == "tar.xz" ? 12 + 4 + 8 : kind == "tar.bz2" ? 4 : 1;
    const auto good = bytes;
    bytes[bytes.size() - from_end] = static_cast<char>(bytes[bytes.size() - from_end] ^ 0x55);
    const auto target = "/" + kind + "/set." + kind;
    served[target] = bytes;
    EXPECT_THAT(message_of([&] { get(target); }), AllOf(HasSubstr("set." + kind), HasSubstr("a damaged one"))) << kind;
    EXPECT_TRUE(!fs::exists(data) || files().empty()) << kind;
    served[target] = good;
    EXPECT_EQ(get(target).state, Fetched::fetched) << kind;
    EXPECT_EQ(files(), unpacked) << kind;
    fs::remove_all(data);
  }
}

TEST_F(FetchTest, NothingThatIsThereIsOverwritten) {
  served["/one/set.tar"] = archive("tar", entries);
  served["/two/set.tar"] = archive("tar", {{"faces/0.png", "0"}, {"faces/b.png", "another b"}});
  served["/more/set.tar"] = archive("tar", {{"faces/b.png", "b"}, {"faces/c.png", "c"}});
  served["/one/list.txt"] = "one";
  served["/two/list.txt"] = "two";
  get("/one/set.tar");
  EXPECT_THAT(
      message_of([&] { get("/two/set.tar"); }),
      AllOf(HasSubstr((data / "faces/b.png").string()), HasSubstr("different contents"), HasSubstr("not overwritten")));
  get("/more/set.tar");
  get("/one/list.txt");
  EXPECT_THAT(message_of([&] { get("/two/list.txt"); }), AllOf(HasSubstr("list.txt"), HasSubstr("different contents")));
  auto expected = unpacked;
  expected["faces/c.png"] = "c";
  expected["list.txt"] = "one";
  auto found = files();
  std::erase_if(found, [](const auto& one) { return one.first.starts_with(".monge-fetch/"); });
  EXPECT_EQ(found, expected);
  // Once the file in the way is gone the archive that came is used, not fetched again.
  const auto asked = server.requests().size();
  fs::remove(data / "faces/b.png");
  get("/two/set.tar");
  EXPECT_EQ(server.requests().size(), asked);
  EXPECT_EQ(real_files().read(data / "faces/b.png"), "another b");

  options.sha256 = io::sha256("two");
  EXPECT_THAT(message_of([&] { get("/two/list.txt"); }),
              AllOf(HasSubstr(io::sha256("one")), HasSubstr(io::sha256("two")), HasSubstr("not overwritten")));
  real_files().replace(data / "mine.txt", "mine");
  options.sha256 = io::sha256("mine");
  EXPECT_EQ(get("/nowhere/mine.txt").state, Fetched::there) << "a file that was put there by hand, with the right hash";
}

TEST_F(FetchTest, KeepsOrDoesNotUnpackArchives) {
  served["/set.tar"] = archive("tar", entries);
  options.unpack = false;
  EXPECT_EQ(get("/set.tar").path, data / "set.tar");
  EXPECT_EQ(files(), (std::map<std::string, std::string>{{"set.tar", served["/set.tar"]}}));
  const auto asked = server.requests().size();
  options.unpack = true;
  EXPECT_EQ(get("/set.tar").state, Fetched::fetched);
  EXPECT_EQ(server.requests().size(), asked) << "the archive that is there was not used";
  auto both = unpacked;
  both["set.tar"] = served["/set.tar"];
  EXPECT_EQ(files(), both);

  fs::remove_all(data);
  options.keep = true;
  get("/set.tar");
  EXPECT_EQ(files(), both);
  EXPECT_EQ(get("/set.tar").state, Fetched::there);
  options.unpacking.strip = 1;
  get("/set.tar");
  both["a.png"] = big;
  both["b.png"] = "b";
  EXPECT_EQ(files(), both);

  served["/self.tar"] = archive("tar", {{"self.tar", "not itself"}});
  options.unpacking.strip = 0;
  EXPECT_THAT(message_of([&] { get("/self.tar"); }), HasSubstr("an entry has the same name as the archive"));
}

TEST_F(FetchTest, TellsWhatItLeftOut) {
  served["/evil.tar"] = archive(
      "tar", {{"good.png", "g"}, {"../up.png", "bad"}, {"link", "", AE_IFLNK, "/etc/passwd"}, {"./good.png", "g"}});
  const auto result = get("/evil.tar");
  EXPECT_EQ(result.file.left_out, 2);
  EXPECT_EQ(result.file.duplicates, 1);
  EXPECT_THAT(logged, ElementsAre(AllOf(HasSubstr("evil.tar"), HasSubstr("1 link (first: link)"),
                                        HasSubstr("1 unsafe name (first: ../up.png)"), HasSubstr("1 repetition"))));
  EXPECT_EQ(files(), (std::map<std::string, std::string>{{"good.png", "g"}}));
  EXPECT_FALSE(fs::exists(folder / "up.png"));

  served["/links.zip"] = archive("zip", {{"z.png", "z"}, {"zlink.png", "", AE_IFLNK, "/etc/passwd"}});
  EXPECT_EQ(get("/links.zip").file.left_out, 1);
  EXPECT_FALSE(fs::exists(fs::symlink_status(data / "zlink.png")));

  served["/bad.tar"] = archive("tar", {{"x", "1"}, {"x", "2"}});
  EXPECT_THAT(message_of([&] { get("/bad.tar"); }), AllOf(HasSubstr("bad.tar"), HasSubstr("got x"),
                                                          HasSubstr("different contents"), HasSubstr("is kept as")));
  served["/page.zip"] = "<html>please log in</html>";
  EXPECT_THAT(message_of([&] { get("/page.zip"); }),
              AllOf(HasSubstr(server.url("/page.zip")), HasSubstr("tar, zip or 7z")));
  served["/page.zip"] = archive("zip", {{"in.png", "i"}});
  EXPECT_EQ(get("/page.zip").state, Fetched::fetched) << "the page was taken for the archive";
}

TEST_F(FetchTest, IsStoppedAndGoesOn) {
  served["/set.tar"] = archive("tar", entries);
  std::atomic<bool> stop{false};
  options.stop = &stop;
  spoil = [](HttpReply& reply) { reply.send = 100'000, reply.stall = true; };
  options.downloading = [&](int64_t done, int64_t) { stop = done >= 100'000; };
  const auto result = get("/set.tar");
  EXPECT_EQ(result.state, Fetched::stopped);
  EXPECT_EQ(result.file.bytes, 100'000);
  stop = false;
  options.downloading = {};
  spoil = [](HttpReply&) {};
  EXPECT_EQ(get("/set.tar").state, Fetched::fetched);
  EXPECT_EQ(server.requests().back().header("range"), "bytes=100000-");
  EXPECT_EQ(files(), unpacked);

  // While the whole archive is unpacked.
  served["/set.7z"] = archive("7z", entries);
  fs::remove_all(data);
  options.unpacking_progress = [&](int64_t, int64_t) { stop = true; };
  EXPECT_EQ(get("/set.7z").state, Fetched::stopped);
  stop = false;
  options.unpacking_progress = {};
  const auto asked = server.requests().size();
  EXPECT_EQ(get("/set.7z").state, Fetched::fetched);
  EXPECT_EQ(server.requests().size(), asked);
  EXPECT_EQ(files(), unpacked);
}

TEST_F(FetchTest, WrongUse) {
  EXPECT_THAT(message_of([&] { file_name_of("ftp://host/a.zip"); }),
              AllOf(HasSubstr("ftp://host/a.zip"), HasSubstr("http://, https://")));
  EXPECT_EQ(file_name_of("https://host/x/a%2Bb.zip?c=/d#e"), "a+b.zip");
  for (const char* bad : {"http://host", "http://host/", "http://host/x/", "http://host/x/?a=/b.zip", "http://host/..",
                          "http://host/%2e%2e", "http://host/a%2fb", "http://host/a%00b", "http://host/a%0ab",
                          "http://host/.monge-fetch.json"}) {
    EXPECT_THAT(message_of([&] { file_name_of(bad); }), AllOf(HasSubstr(bad), HasSubstr("FetchOptions::name"))) << bad;
  }
  EXPECT_THAT(message_of([&] { fetch("http://a:secret@host/", data); }), ::testing::Not(HasSubstr("secret")));
  options.name = "../up.zip";
  EXPECT_THAT(message_of([&] { get("/a"); }), AllOf(HasSubstr("FetchOptions::name"), HasSubstr("../up.zip")));
  options.name = "a.zip";
  served["/download"] = archive("zip", entries);
  get("/download");
  EXPECT_EQ(files(), unpacked);
  options.name = "";
  real_files().replace(folder / "file", "");
  EXPECT_THAT(message_of([&] { fetch(server.url("/a.zip"), folder / "file", options); }),
              HasSubstr("cannot create the folder"));
  EXPECT_THAT(message_of([&] { get("/none.zip"); }), HasSubstr("404"));
  real_files().replace(data / ".monge-fetch.json", "{\"format\": 2}");
  EXPECT_THAT(message_of([&] { get("/a.zip"); }), AllOf(HasSubstr(".monge-fetch.json"), HasSubstr("remove it")));
}

}  // namespace
}  // namespace monge::fetch

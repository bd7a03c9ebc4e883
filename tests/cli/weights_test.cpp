// monge weights, from outside: against a web server of the test, never the network.
#include <csignal>
#include <sstream>

#include "tests/cli/fixture.h"
#include "tests/support/http_server.h"

namespace monge {
namespace {

using testing::file_reply;
using testing::HttpRequest;
using testing::HttpServer;
using testing::ScopedVariable;

class CliWeights : public ::testing::Test {
 protected:
  /// One object a line.
  static std::vector<json> objects(const std::string& lines) {
    std::vector<json> out;
    std::istringstream in(lines);
    for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
    return out;
  }
  testing::Result run(const std::string& arguments) const { return monge(folder.path(), "weights " + arguments); }

  testing::NoProxies no_proxies;
  testing::ScratchFolder folder;
  ScopedVariable listed{"MONGE_WEIGHTS", {}}, cache{"XDG_CACHE_HOME", (folder / "cache").string()};
  const fs::path cached = folder / "cache/monge/weights";
};

TEST_F(CliWeights, ListsWhatThereIs) {
  const auto table = run("list");
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out,
              AllOf(HasSubstr("inception"), HasSubstr("missing"), HasSubstr("95.6 MB"), HasSubstr("Apache-2.0"),
                    HasSubstr("with alexnet"), HasSubstr(cached.string()), HasSubstr("monge weights fetch fid")));
  EXPECT_FALSE(fs::exists(folder / "cache"));  // looking makes nothing

  fs::create_directory(folder / "mine");
  std::ofstream(folder / "mine/alex.pth") << "cut short";
  const auto listed = objects(run("list --weights mine --json").out);
  ASSERT_EQ(listed.size(), 7u);
  for (const auto& one : listed) {
    for (const char* key : {"name", "state", "path", "file", "bytes", "sha256", "licence", "url", "purpose", "needs"}) {
      EXPECT_TRUE(one.contains(key)) << one << key;
    }
    EXPECT_EQ(one["state"], one["name"] == "lpips-alex" ? "damaged" : "missing");
  }
  EXPECT_EQ(listed[1]["path"], "mine/alex.pth");
  EXPECT_TRUE(listed[0]["path"].is_null());
}

TEST_F(CliWeights, VerifyJudgesByItsExitCode) {
  EXPECT_EQ(run("verify").code, 0);  // nothing is here, nothing was asked for
  auto result = run("verify fid");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.out, HasSubstr("inception: missing; run: monge weights fetch inception"));
  fs::create_directory(folder / "mine");
  std::ofstream(folder / "mine/alex.pth") << std::string(6009, 'x');
  result = run("verify --weights mine");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.out, AllOf(HasSubstr("lpips-alex: damaged, mine/alex.pth has SHA-256"),
                                HasSubstr("df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
                                HasSubstr("fetch lpips-alex --weights mine")));
}

TEST_F(CliWeights, FetchSaysWhatWentWrong) {
  HttpServer server([](const HttpRequest& request) { return file_reply(request, std::string(6009, 'x')); });
  auto result = run("fetch lpips-alex --url " + server.url("/false/"));
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr(server.url("/false/alex.pth")), HasSubstr("wrong SHA-256"),
                                HasSubstr("df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0")));
  EXPECT_TRUE(fs::is_empty(cached));
  result = run("fetch alex --url " + server.url("/alex.pth"));
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("2 files (alex.pth, alexnet-owt-7be5be79.pth)"), HasSubstr("end the address with /")));

  std::ofstream(folder / "file") << "";
  const ScopedVariable nowhere("XDG_CACHE_HOME", (folder / "file").string());
  result = run("fetch lpips-alex --url " + server.url("/false/"));
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("cannot create the folder"), HasSubstr("with --weights or MONGE_WEIGHTS")));
}

TEST_F(CliWeights, CtrlCEndsAFetch) {
  HttpServer server([](const HttpRequest& request) {
    auto reply = file_reply(request, std::string(6009, 'x'));
    reply.send = 3000, reply.stall = true;
    return reply;
  });
  const auto stopped = testing::monge_with_signal(folder.path(), "weights fetch lpips-alex --url " + server.url("/"),
                                                  cached / "alex.pth.part.from", SIGINT);
  EXPECT_EQ(stopped.code, 3);
  EXPECT_THAT(stopped.err, HasSubstr("of lpips-alex are kept"));
  EXPECT_FALSE(fs::exists(cached / "alex.pth"));
}

TEST_F(CliWeights, FetchesFixtureFilesWholeThoughTheTransferBreaks) {
  MONGE_NEEDS_SHARED("weights/alex.pth");
  const auto shared = testing::shared_folder() / "weights";
  const auto heads = testing::slurp(shared / "alex.pth");
  HttpServer server([&, asked = 0](const HttpRequest& request) mutable {
    auto reply = file_reply(request, heads);
    if (asked++ == 0) reply.send = 2000;
    return reply;
  });
  fs::create_directories(cached);
  fs::create_symlink(shared / "alexnet_features_torchvision.pth", cached / "alexnet_features_torchvision.pth");
  const std::string fetch = "fetch alex --url " + server.url("/");
  const auto first = run(fetch + " --json");
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.err, AllOf(HasSubstr("lpips-alex: fetched and verified"), HasSubstr("alexnet: already present")));
  ASSERT_EQ(objects(first.out).size(), 2u);
  EXPECT_EQ(objects(first.out)[0]["state"], "fetched");
  EXPECT_EQ(objects(first.out)[1]["state"], "intact");
  EXPECT_EQ(testing::slurp(cached / "alex.pth"), heads);
  ASSERT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(server.requests()[1].header("range"), "bytes=2000-");

  const auto second = run(fetch + " -q");
  EXPECT_EQ(second.code, 0);
  EXPECT_EQ(second.out + second.err, "");
  EXPECT_EQ(server.requests().size(), 2u);  // nothing was asked for

  std::fstream(cached / "alex.pth", std::ios::in | std::ios::out | std::ios::binary).seekp(100) << '!';
  EXPECT_THAT(run(fetch).err, HasSubstr("fetching it again"));
  const auto verified = run("verify alex --json");
  EXPECT_EQ(verified.code, 0) << verified.out;
  for (const auto& one : objects(verified.out)) EXPECT_EQ(one["state"], "intact") << one;
}

}  // namespace
}  // namespace monge

#include "monge/eval/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>

#include "monge/core/error.h"
#include "monge/io/sha256.h"
#include "tests/support/http_server.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpRequest;
using testing::HttpServer;
using testing::message_of;
using ::testing::Not;
using testing::ScopedVariable;

std::vector<std::string> names_of(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (const auto& weights : weights_named(words)) out.push_back(weights.name);
  return out;
}

/// A cache and a home of its own, nothing else set.
class WeightsTest : public ::testing::Test {
 protected:
  static void write(const fs::path& path, const std::string& bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }

  testing::NoProxies no_proxies;
  testing::ScratchFolder folder;
  ScopedVariable listed{"MONGE_WEIGHTS", {}}, cache{"XDG_CACHE_HOME", (folder / "cache").string()},
      home{"HOME", (folder / "home").string()};
  const fs::path cached = folder / "cache/monge/weights";
  const Weights toy{.name = "toy",
                    .purpose = "tests",
                    .licence = "MIT",
                    .url = "http://weights.example/dir/toy.bin",
                    .files = {{"toy.bin", 5, io::sha256("12345")}, {"toy_small.bin", 3, io::sha256("123")}}};
};

TEST(WeightsTable, IsSound) {
  std::set<std::string> names, files;
  for (const auto& weights : known_weights()) {
    EXPECT_TRUE(names.insert(weights.name).second) << weights.name;
    ASSERT_FALSE(weights.files.empty()) << weights.name;
    EXPECT_TRUE(weights.url.starts_with("https://")) << weights.url;
    EXPECT_TRUE(weights.url.ends_with("/" + weights.files[0].name)) << weights.url;
    EXPECT_FALSE(weights.purpose.empty() || weights.licence.empty()) << weights.name;
    for (const auto& file : weights.files) {
      EXPECT_TRUE(files.insert(file.name).second) << file.name;  // else one would be taken for the other
      EXPECT_GT(file.bytes, 0) << file.name;
      EXPECT_TRUE(std::regex_match(file.sha256, std::regex("[0-9a-f]{64}"))) << file.name;
      // By PyTorch's convention the eight digits in a file's name begin its SHA-256.
      std::smatch digits;
      if (std::regex_search(file.name, digits, std::regex("-([0-9a-f]{8})\\.pth$"))) {
        EXPECT_EQ(file.sha256.substr(0, 8), digits[1]) << file.name;
      }
    }
  }
}

TEST(WeightsTable, WordsBringWhatIsNeeded) {
  EXPECT_THAT(names_of({"fid"}), ElementsAre("inception"));
  EXPECT_THAT(names_of({"inception", "kid", "fid"}), ElementsAre("inception"));
  EXPECT_THAT(names_of({"alex"}), ElementsAre("lpips-alex", "alexnet"));
  EXPECT_THAT(names_of({"lpips-squeeze"}), ElementsAre("lpips-squeeze", "squeezenet1_1"));
  EXPECT_THAT(names_of({"vgg", "vgg16"}), ElementsAre("lpips-vgg", "vgg16"));
  EXPECT_THAT(names_of({"alexnet"}), ElementsAre("alexnet"));
  EXPECT_THAT(message_of([] { weights_named({"inceptoin"}); }),
              AllOf(HasSubstr("unknown weights, got \"inceptoin\""), HasSubstr("did you mean \"inception\"?"),
                    HasSubstr("fid")));
}

TEST(WeightsFixture, TheTableIsRightAboutTheSharedFiles) {
  MONGE_NEEDS_SHARED("weights");
  int64_t seen = 0;
  for (const auto& weights : known_weights()) {
    const auto found = verify_weights(weights, {testing::shared_folder() / "weights"});
    if (found.status == FoundWeights::missing) continue;
    EXPECT_EQ(found.status, FoundWeights::intact) << found.path << found.problem;
    ++seen;
  }
  EXPECT_GE(seen, 5);
}

TEST_F(WeightsTest, FoldersComeInTheirOrder) {
  EXPECT_THAT(weights_folders(), ElementsAre(cached));
  const ScopedVariable several("MONGE_WEIGHTS", "/a:/b c:");
  EXPECT_THAT(weights_folders("/flag"), ElementsAre("/flag", "/a", "/b c", cached));
  const ScopedVariable relative("XDG_CACHE_HOME", "cache");  // is to be ignored
  EXPECT_THAT(weights_folders(), ElementsAre("/a", "/b c", folder / "home/.cache/monge/weights"));
  const ScopedVariable nobody("HOME", {}), none("MONGE_WEIGHTS", {});
  EXPECT_THAT(message_of([] { weights_folders(); }),
              AllOf(HasSubstr("HOME is not set"), HasSubstr("eval::weights_folders(folder) or MONGE_WEIGHTS")));
}

TEST_F(WeightsTest, TheFirstFolderThatHasOneIsTakenAndThePublishedFormFirst) {
  const std::vector<fs::path> folders{folder / "absent", folder / "a", folder / "b"};
  EXPECT_EQ(locate_weights(toy, folders).status, FoundWeights::missing);
  write(folder / "b/toy.bin", "12345");
  EXPECT_EQ(locate_weights(toy, folders).path, folder / "b/toy.bin");
  write(folder / "a/toy_small.bin", "123");
  EXPECT_EQ(verify_weights(toy, folders).path, folder / "a/toy_small.bin");
  EXPECT_EQ(verify_weights(toy, folders).status, FoundWeights::intact);
  write(folder / "a/toy.bin", "12345");
  EXPECT_EQ(locate_weights(toy, folders).path, folder / "a/toy.bin");
  EXPECT_EQ(locate_weights(toy, folders).status, FoundWeights::present);
}

TEST_F(WeightsTest, DamageIsFound) {
  const std::vector<fs::path> folders{folder / "a"};
  write(folder / "a/toy.bin", "1234");
  EXPECT_EQ(locate_weights(toy, folders).status, FoundWeights::damaged);
  EXPECT_EQ(verify_weights(toy, folders).problem, "has 4 bytes, expected 5");
  write(folder / "a/toy.bin", "12346");
  EXPECT_EQ(locate_weights(toy, folders).status, FoundWeights::present);
  const auto found = verify_weights(toy, folders);
  EXPECT_EQ(found.status, FoundWeights::damaged);
  EXPECT_THAT(found.problem, AllOf(HasSubstr(io::sha256("12346")), HasSubstr(io::sha256("12345"))));
  fs::remove(folder / "a/toy.bin");
  fs::create_directory(folder / "a/toy.bin");
  EXPECT_THAT(verify_weights(toy, folders).problem, HasSubstr("not a file"));
}

TEST_F(WeightsTest, WhatIsMissingIsToldWithTheOneCommand) {
  const ScopedVariable several("MONGE_WEIGHTS", (folder / "a").string());
  EXPECT_THAT(message_of([] { find_weights("lpips-alex"); }),
              AllOf(HasSubstr("lpips-alex (alex.pth) are not in " + (folder / "a").string() + ", " + cached.string()),
                    HasSubstr("run: eval::fetch_weights() lpips-alex"), Not(HasSubstr("in folder"))));
  fs::create_directory(folder / "my nets");
  EXPECT_THAT(message_of([&] { find_weights("alexnet", folder / "my nets"); }),
              AllOf(HasSubstr("alexnet-owt-7be5be79.pth or alexnet_features_torchvision.pth"),
                    HasSubstr("eval::fetch_weights() alexnet in folder '" + (folder / "my nets").string() + "'")));
  EXPECT_THAT(message_of([&] { find_weights("alexnet", folder / "absent"); }),
              AllOf(HasSubstr("eval::weights_folders(folder)"), HasSubstr("absent: is not a folder")));
  EXPECT_THAT(message_of([] { find_weights("alexnt"); }), HasSubstr("did you mean \"alexnet\"?"));
  write(cached / "alex.pth", "cut short");
  EXPECT_THAT(message_of([] { find_weights("lpips-alex"); }),
              AllOf(HasSubstr((cached / "alex.pth").string() + ": has 9 bytes, expected 6009"),
                    HasSubstr("eval::fetch_weights() lpips-alex")));
}

TEST_F(WeightsTest, FindsByNameAndSize) {
  write(cached / "alex.pth", std::string(6009, 'x'));
  EXPECT_EQ(find_weights("lpips-alex"), cached / "alex.pth");
  EXPECT_EQ(find_weights("alex"), cached / "alex.pth");
  write(folder / "mine/alex.pth", std::string(6009, 'y'));
  EXPECT_EQ(find_weights("lpips-alex", folder / "mine"), folder / "mine/alex.pth");
  EXPECT_EQ(find_weights("lpips-alex", folder.path()), cached / "alex.pth");  // a folder without it hides nothing
}

TEST_F(WeightsTest, FetchesFromMirrorsWhatIsIntactAlone) {
  HttpServer server([](const HttpRequest& request) {
    return testing::file_reply(request, request.target == "/bad" ? "12346" : "12345");
  });
  fetch_weights(toy, folder / "new", server.url("/mirror/"));
  EXPECT_EQ(server.requests().at(0).target, "/mirror/toy.bin");
  EXPECT_EQ(verify_weights(toy, {folder / "new"}).status, FoundWeights::intact);
  fetch_weights(toy, folder / "other", server.url("/toy?form=1"));
  EXPECT_EQ(server.requests().at(1).target, "/toy?form=1");
  EXPECT_THAT(message_of([&] { fetch_weights(toy, folder / "bad", server.url("/bad")); }),
              AllOf(HasSubstr(server.url("/bad")), HasSubstr(io::sha256("12346")), HasSubstr(io::sha256("12345"))));
  EXPECT_TRUE(fs::is_empty(folder / "bad"));
  fetch_weights(toy, folder / "copy", "file://" + (folder / "new").string() + "/");
  EXPECT_EQ(verify_weights(toy, {folder / "copy"}).status, FoundWeights::intact);
}

TEST_F(WeightsTest, FetchesFromThePublishedAddress) {
  HttpServer proxy([](const HttpRequest& request) { return testing::file_reply(request, "12345"); });
  const ScopedVariable variable("http_proxy", proxy.url());
  fetch_weights(toy, folder / "new");
  EXPECT_EQ(proxy.requests().at(0).target, toy.url);
}

}  // namespace
}  // namespace monge::eval

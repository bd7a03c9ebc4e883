// Names as long as a file system allows work, and longer ones are refused before any work. Temporary names and the
// numbers of several outputs must not make a name of the user too long.
#include <set>

#include "monge/train/checkpoint.h"
#include "tests/cli/fixture.h"

namespace monge {
namespace {

/// A name of `bytes` bytes.
std::string long_name(size_t bytes, const std::string& ending = "", char letter = 'n') {
  return std::string(bytes - ending.size(), letter) + ending;
}

class CliLongNames : public Cli {
 protected:
  void train(const std::string& recipe, const std::string& run) {
    const auto result = monge(folder.path(), "train " + recipe + " --out " + run + " -q");
    ASSERT_EQ(result.code, 0) << result.err;
  }
  testing::Result run(const std::string& arguments) { return monge(folder.path(), arguments); }

  /// Nothing temporary is left.
  void expect_no_parts() {
    for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
      EXPECT_FALSE(entry.path().string().ends_with(".part")) << entry.path();
  }
  std::set<std::string> names_in(const std::string& place) {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder / place)) out.insert(entry.path().filename().string());
    return out;
  }
};

TEST_F(CliLongNames, OfImagesGetNumbersWithoutGettingLonger) {
  train("p.toml", "run");
  const auto image = testing::slurp(folder / "images/0.png");
  fs::create_directory(folder / "in");
  for (const size_t bytes : {240, 250, 251, 252, 253, 254, 255})
    std::ofstream(folder / "in" / long_name(bytes, ".png"), std::ios::binary) << image;
  const auto several = run("translate run in out --samples 3 --json");
  ASSERT_EQ(several.code, 0) << several.err;
  EXPECT_EQ(names_in("out").size(), 21u) << "no output replaces another";
  const auto one =
      run("translate run in/" + long_name(255, ".png") + " " + long_name(255, ".png", 'o') + " --samples 2");
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_TRUE(fs::exists(folder / long_name(255, "_1.png", 'o')));
  EXPECT_TRUE(fs::exists(folder / long_name(255, "_2.png", 'o')));
  const auto recoloured = run("recolour in/" + long_name(255, ".png") + " images/4.png " + long_name(255, ".png", 'r') +
                              " --both --set train.iterations=2");
  ASSERT_EQ(recoloured.code, 0) << recoloured.err;
  EXPECT_TRUE(fs::exists(folder / long_name(255, ".png", 'r')));
  EXPECT_TRUE(fs::exists(folder / long_name(255, "-reverse.png", 'r')));
  expect_no_parts();
}

TEST_F(CliLongNames, OfRunsAndFilesWork) {
  const auto name = long_name(255, "run");
  train("v.toml", name);
  EXPECT_EQ(run("eval " + name + " --json").code, 0);
  EXPECT_EQ(run("report " + name).code, 0);
  const auto resumed = run("resume " + name + " -q --set train.iterations=16");
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  for (const char* ending : {".safetensors", ".pt"}) {
    const std::string to = std::string(ending) == ".pt" ? "torch" : "safetensors";
    const auto result = run("export " + name + " --to " + to + " --out " + long_name(255, ending, 'e'));
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_TRUE(fs::exists(folder / long_name(255, ending, 'e')));
  }
  const auto packed = run("data pack images " + long_name(255, "set") + " --size 16");
  EXPECT_EQ(packed.code, 0) << packed.err;
  EXPECT_EQ(run("data pack images " + long_name(255, "set") + " --size 16").code, 0) << "it is there";
  expect_no_parts();
}

TEST_F(CliLongNames, BeyondTheLimitAreRefusedBeforeAnyWork) {
  train("p.toml", "run");
  const auto name = long_name(256), image = long_name(256, ".png");
  std::string path;
  for (int i = 0; i < 30; ++i) path += long_name(200) + "/";
  path += "end";
  const std::string net = " --features " MONGE_SOURCE_DIR "/tests/fixtures/features.ts";
  struct Case {
    std::string line, says;
  };
  for (const auto& [line, says] :
       {Case{"translate run images " + name, "OUT: the name is too long"},
        {"translate run images/0.png " + image, "OUT: the name is too long"},
        {"translate run images out --grid " + image, "--grid: the name is too long"},
        {"translate run images " + path, "OUT: the path is too long"},
        {"eval run --truth images --grid " + image, "--grid: the name is too long"},
        {"recolour images/2.png images/4.png " + image, "OUT: the name is too long"},
        {"stats images " + long_name(256, ".safetensors") + net, "OUT: the name is too long"},
        {"data pack images " + name + " --size 16", "packed set: the name is too long"},
        {"data pack images " + path + " --size 16", "packed set: the path is too long"},
        {"train p.toml --out " + name, "File name too long"},
        {"train p.toml --out " + path, "File name too long"},
        {"data fetch http://127.0.0.1:1/a.zip " + name, "File name too long"},
        {"translate run " + name + " out", "no such file"},
        {"translate run " + path + " out", "no such file"},
        {"eval " + path, "no such"}}) {
    const auto before = names_in(".");
    const auto result = run(line);
    EXPECT_EQ(result.code, 2) << line.substr(0, 60) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr(says), Not(HasSubstr("internal error")), Not(HasSubstr("translating"))))
        << line.substr(0, 60);
    auto after = names_in(".");
    EXPECT_EQ(after, before) << line.substr(0, 60);
  }
}

}  // namespace
}  // namespace monge

// The program from outside: what it prints, what it leaves, how it ends.
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <csignal>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <torch/cuda.h>
#include <torch/types.h>

#include "monge/io/archive.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/train/checkpoint.h"
#include "tests/cli/program.h"
#include "tests/io/odd_pictures.h"

namespace monge {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using nlohmann::json;
using testing::monge;

const char* const kVectors = R"(
method = "weak"
[source]
path = "toy:gaussian"
[target]
path = "toy:moons"
[weak]
z = 2
[map]
width = 16
[potential]
width = 16
[train]
iterations = 12
threads = 1
batch = 32
k_t = 2
[checkpoint]
every = 4
[eval]
every = 6
samples = 64
[samples]
every = 6
)";

/// A scratch folder with a recipe for vectors and one for small pictures.
class Cli : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(folder / "v.toml") << kVectors;
    fs::create_directories(folder / "pictures" / "inner");
    for (int i = 0; i < 6; ++i) {
      const auto image = torch::full({20, 24, 3}, 40 * i, torch::kUInt8);
      io::write_image(folder / "pictures" / (i % 2 ? "inner" : ".") / (std::to_string(i) + ".png"), image);
    }
    std::ofstream(folder / "p.toml") << "method = \"weak\"\n[source]\npath = \"pictures\"\nsize = 16\n[target]\npath = \"pictures\"\n"
                                        "size = 16\n[weak]\nz = 2\n[map]\nwidth = 2\n[potential]\nwidth = 4\nwidth_max = 8\n"
                                        "[train]\niterations = 2\nthreads = 1\nbatch = 4\nk_t = 1\n[eval]\nsamples = 4\n";
  }

  testing::ScratchFolder folder;
};

TEST_F(Cli, TrainsLeavesARunDirectoryAndSaysHowToUseIt) {
  const auto result = monge(folder.path(), "train v.toml");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("monge translate runs/00000-run"));
  EXPECT_THAT(result.err, HasSubstr("training  12/12  100 %"));
  const auto run = folder / "runs/00000-run";
  for (const char* name : {"recipe.toml", "environment.json", "log.txt", "metrics.jsonl", "checkpoints/step_000012/state.safetensors",
                           "samples/step_000006.png", "samples/step_000012.png", "best/manifest.json", "summary.json",
                           "report.html", "events.out.tfevents.monge"}) {
    EXPECT_TRUE(fs::exists(run / name)) << name;
  }
  std::istringstream lines(testing::slurp(run / "metrics.jsonl"));
  int64_t trained = 0, evaluated = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto entry = json::parse(line);
    entry.contains("eval") ? ++evaluated : ++trained;
    if (entry.contains("eval")) {
      EXPECT_TRUE(entry["eval"].contains("target_error") && entry["eval"].contains("target_floor"));
    }
  }
  EXPECT_EQ(trained, 12);
  EXPECT_EQ(evaluated, 2);
  EXPECT_EQ(monge(folder.path(), "train v.toml -q").code, 0);
  EXPECT_TRUE(fs::exists(folder / "runs/00001-run"));
}

// The hint is taken at its word: pasted into the shell.
TEST_F(Cli, SuggestedCommandsSurviveTheShell) {
  const auto result = monge(folder.path(), "train v.toml --out \"it's my run\"");
  ASSERT_EQ(result.code, 0) << result.err;
  const std::string before = "use it     monge ", after = " INPUT OUTPUT";
  const auto begin = result.out.find(before) + before.size();
  const auto hint = result.out.substr(begin, result.out.find(after) - begin);
  io::write_npy(folder / "x.npy", torch::rand({3, 2}));
  EXPECT_EQ(monge(folder.path(), hint + " x.npy y.npy").code, 0) << hint;
  EXPECT_THAT(monge(folder.path(), "train v.toml --out \"it's my run\"").err, HasSubstr("monge resume 'it'\\''s my run'"));
}

TEST_F(Cli, JsonIsOneObjectOnStdoutAndNothingElse) {
  const auto result = monge(folder.path(), "train v.toml --json --quiet");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto summary = json::parse(result.out);
  EXPECT_EQ(summary["iterations"], 12);
  EXPECT_TRUE(summary["complete"]);
  // Twelve iterations reach nothing, and that is worth a warning even when quiet.
  EXPECT_THAT(result.err, ::testing::MatchesRegex("(monge: warning: the map MISSES[^\n]*\n)?"));
  const auto info = json::parse(monge(folder.path(), "info --json").out);
  for (const char* key : {"version", "libtorch", "cuda", "devices"}) EXPECT_TRUE(info.contains(key)) << key;
  EXPECT_EQ(info["self_test"], "passed");
  const auto eval = json::parse(monge(folder.path(), "eval runs/00000-run --samples 32 --json -q").out);
  for (const char* key : {"target_error", "target_floor", "cost", "mse", "diversity"}) EXPECT_TRUE(eval.contains(key)) << key;
}

// The run that is interrupted and resumed leaves the bytes of the one that was not.
TEST_F(Cli, ASignalSavesAndResumeEndsWhereTheStraightRunDoes) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out straight --set train.iterations=150 -q").code, 0);
  const auto stopped = testing::monge_with_signal(folder.path(), "train v.toml --out broken --set train.iterations=150",
                                                  folder / "broken/checkpoints/step_000004", SIGTERM);
  ASSERT_EQ(stopped.code, 3) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("monge resume broken"));
  const auto resumed = monge(folder.path(), "resume broken");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(testing::slurp(folder / "straight/checkpoints/step_000150/state.safetensors"),
            testing::slurp(folder / "broken/checkpoints/step_000150/state.safetensors"));
  std::istringstream lines(testing::slurp(folder / "broken/metrics.jsonl"));
  int64_t expected = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto entry = json::parse(line);
    if (entry.contains("eval")) continue;
    EXPECT_EQ(entry["iteration"], ++expected);  // no step twice, none missing
  }
  EXPECT_EQ(expected, 150);
}

TEST_F(Cli, DryRunPrintsRecipeCountsAndMemoryAndLeavesNothing) {
  const auto result = monge(folder.path(), "train v.toml --dry-run --set weak.z=3");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("z = 3"), HasSubstr("# map         "), HasSubstr(" parameters"), HasSubstr("MiB")));
  EXPECT_FALSE(fs::exists(folder / "runs"));
}

TEST_F(Cli, TranslatesPicturesOfEveryKindAndKeepsTheirNames) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  auto result = monge(folder.path(), "translate run pictures out --samples 2 --grid grid.png");
  ASSERT_EQ(result.code, 0) << result.err;
  for (const char* name : {"0_1.png", "0_2.png", "inner/1_1.png", "inner/5_2.png"}) EXPECT_TRUE(fs::exists(folder / "out" / name)) << name;
  EXPECT_EQ(io::read_image(folder / "out/inner/1_1.png").sizes(), torch::IntArrayRef({16, 16, 3}));
  EXPECT_TRUE(fs::exists(folder / "grid.png"));

  ASSERT_EQ(monge(folder.path(), "translate run pictures/2.png one.jpg -q").code, 0);
  EXPECT_EQ(io::read_image(folder / "one.jpg").sizes(), torch::IntArrayRef({16, 16, 3}));

  io::write_archive(folder / "in.tar", {{"a/x.png", testing::slurp(folder / "pictures/0.png")}, {"y.png", testing::slurp(folder / "pictures/2.png")}});
  ASSERT_EQ(monge(folder.path(), "translate run in.tar out.zip -q").code, 0);
  const auto entries = io::read_archive(folder / "out.zip");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, "a/x.png");

  // An extension in capitals is the same extension.
  io::write_archive(folder / "capitals.tar", {{"X.JPG", io::encode_jpeg(torch::zeros({16, 16, 3}, torch::kUInt8))}});
  ASSERT_EQ(monge(folder.path(), "translate run capitals.tar jpeg.zip -q").code, 0);
  EXPECT_TRUE(io::read_archive(folder / "jpeg.zip").at(0).bytes.starts_with("\xff\xd8\xff"));
}

// A file that is no picture comes last: the entries before it are lost with it, the archive that was there is not.
TEST_F(Cli, AFailedTranslationLeavesNoTornArchive) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  const auto good = testing::slurp(folder / "pictures/0.png");
  io::write_archive(folder / "in.tar", {{"a.png", good}, {"b.png", good}, {"c.png", "no picture"}});
  std::ofstream(folder / "out.tar") << "old";
  EXPECT_EQ(monge(folder.path(), "translate run in.tar out.tar --batch 1 -q").code, 2);
  EXPECT_EQ(testing::slurp(folder / "out.tar"), "old");
  EXPECT_FALSE(fs::exists(folder / "out.tar.part"));
}

// Outputs depend on the seed and the item's name: not on the batch, the item's company or what holds them.
TEST_F(Cli, AnOutputIsItsItemsAndItsSeeds) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  fs::create_directory(folder / "few");
  for (const char* name : {"2.png", "4.png"}) fs::copy_file(folder / "pictures" / name, folder / "few" / name);
  io::write_archive(folder / "in.tar", {{"9.png", testing::slurp(folder / "pictures/0.png")}, {"4.png", testing::slurp(folder / "pictures/4.png")}});
  const auto translate = [&](const std::string& arguments) {
    const auto result = monge(folder.path(), "translate run " + arguments + " -q");
    EXPECT_EQ(result.code, 0) << arguments << "\n" << result.err;
  };
  translate("pictures base");
  const auto expected = testing::slurp(folder / "base/4.png");
  ASSERT_FALSE(expected.empty());
  translate("pictures by_one --batch 1");
  translate("few few_out");
  translate("pictures/4.png alone.png");
  translate("in.tar out.tar");
  translate("pictures other --seed 1");
  translate("few other_few --seed 1");
  EXPECT_EQ(testing::slurp(folder / "by_one/4.png"), expected);
  EXPECT_EQ(testing::slurp(folder / "few_out/4.png"), expected);
  EXPECT_EQ(testing::slurp(folder / "alone.png"), expected);
  EXPECT_EQ(io::read_archive(folder / "out.tar").at(0).bytes, expected);  // in the order of their names
  EXPECT_NE(testing::slurp(folder / "other/4.png"), expected);
  EXPECT_EQ(testing::slurp(folder / "other/4.png"), testing::slurp(folder / "other_few/4.png"));

  // One picture under two names has two noises.
  fs::copy_file(folder / "few/4.png", folder / "few/5.png");
  translate("few twins");
  EXPECT_NE(testing::slurp(folder / "twins/5.png"), expected);
}

TEST_F(Cli, TranslateSaysWhatItConverted) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  std::ofstream(folder / "ink.jpg", std::ios::binary) << testing::cmyk_jpeg(torch::full({6, 6, 4}, 90, torch::kUInt8), true);
  const auto result = monge(folder.path(), "translate run ink.jpg out.png");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("ink.jpg: converted 1 CMYK picture to 8-bit RGB\n"));
}

// Linux names files by bytes; JSON is UTF-8.
TEST_F(Cli, NamesThatAreNotUtf8BreakNoJson) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  fs::copy_file(folder / "pictures/0.png", folder / "a\xff.png");
  const auto result = monge(folder.path(), "translate run 'a\xff.png' 'b\xff.png' --json -q");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(json::parse(result.out)["in"], "a\xef\xbf\xbd.png");
  EXPECT_TRUE(fs::exists(folder / "b\xff.png"));
  const auto trained = monge(folder.path(), "train v.toml --out 'run\xff' --json -q");
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_TRUE(json::parse(trained.out).contains("run"));
  EXPECT_TRUE(json::parse(testing::slurp(folder / "run\xff/summary.json")).contains("run"));
}

TEST_F(Cli, TranslatesTables) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  io::write_npy(folder / "x.npy", torch::rand({7, 2}));
  ASSERT_EQ(monge(folder.path(), "translate run x.npy y.npy -q").code, 0);
  EXPECT_EQ(io::read_npy(folder / "y.npy").sizes(), torch::IntArrayRef({7, 2}));
  ASSERT_EQ(monge(folder.path(), "translate run x.npy z.npy --samples 3 -q").code, 0);
  EXPECT_EQ(io::read_npy(folder / "z.npy").sizes(), torch::IntArrayRef({7, 3, 2}));
  EXPECT_THAT(monge(folder.path(), "translate run x.npy w.npy --size 16").err, HasSubstr("takes vectors"));
  EXPECT_THAT(monge(folder.path(), "translate run x.npy w.npy --z-std 1").err, HasSubstr("recipe says"));
  std::ofstream(folder / "x.csv") << "0.5,1\n-1,2\n";
  ASSERT_EQ(monge(folder.path(), "translate run x.csv y.csv -q").code, 0);
  const auto rows = testing::slurp(folder / "y.csv");
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 2);
}

TEST_F(Cli, ExportsToBothFormatsAndReadsThemBack) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  ASSERT_EQ(monge(folder.path(), "export run --to safetensors --out map.safetensors").code, 0);
  ASSERT_EQ(monge(folder.path(), "export run --to torch --out map.pt").code, 0);
  io::write_npy(folder / "x.npy", torch::rand({3, 3, 16, 16}) * 2 - 1);
  for (const char* model : {"run", "map.safetensors", "map.pt"}) {
    const auto result = monge(folder.path(), std::string("translate ") + model + " x.npy " + model + ".npy -q");
    ASSERT_EQ(result.code, 0) << model << result.err;
  }
  const auto expected = io::read_npy(folder / "run.npy");
  EXPECT_TRUE(torch::equal(io::read_npy(folder / "map.safetensors.npy"), expected));
  EXPECT_TRUE(torch::equal(io::read_npy(folder / "map.pt.npy"), expected));  // z_std of the recipe is the public 0.1
}

TEST_F(Cli, BareCheckpointsAreToldWhatTheirFilesDoNotSay) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q --set weak.z_std=1").code, 0);
  std::ofstream(folder / "manifest.json") << "{\"name\": \"a web app\"}";  // no checkpoint's
  const auto exported = monge(folder.path(), "export run --to torch --out ./map.pt");
  ASSERT_EQ(exported.code, 0) << exported.err;
  EXPECT_THAT(exported.err, AllOf(HasSubstr("weak.z_std = 1"), HasSubstr("weak.z = 2"), HasSubstr("--z-std 1")));
  for (const auto& [model, out, flags] : {std::tuple{"run", "own", ""}, {"map.pt", "told", "--size 16 --z-std 1"}, {"map.pt", "untold", "--size 16"}}) {
    const auto result = monge(folder.path(), std::string("translate ") + model + " pictures " + out + " -q " + flags);
    ASSERT_EQ(result.code, 0) << result.err;
  }
  EXPECT_EQ(testing::slurp(folder / "told/0.png"), testing::slurp(folder / "own/0.png"));
  EXPECT_NE(testing::slurp(folder / "untold/0.png"), testing::slurp(folder / "own/0.png"));

  const std::string eval = "eval map.pt --source pictures --target pictures --json -q --samples 4 ";
  const auto at16 = json::parse(monge(folder.path(), eval + "--size 16 --z-std 1").out), at64 = json::parse(monge(folder.path(), eval).out);
  const auto own = json::parse(monge(folder.path(), "eval run --source pictures --target pictures --json -q --samples 4").out);
  EXPECT_EQ(at16["mse"], own["mse"]);
  EXPECT_NE(at16["mse"], at64["mse"]);
}

// Every one of these is the user's mistake: exit code 2, one line that names it, no run directory.
TEST_F(Cli, RefusesBadInputByName) {
  std::ofstream(folder / "text.png") << "<html>not a picture</html>";
  fs::create_directory(folder / "empty");
  std::ofstream(folder / "zero.png");
  auto nan = torch::rand({4, 2});
  nan[2][1] = std::numeric_limits<float>::quiet_NaN();
  io::write_npy(folder / "nan.npy", nan);
  io::write_npy(folder / "three.npy", torch::rand({4, 3}));
  std::ofstream(folder / "file") << "x";
  std::ofstream(folder / "\xff.csv") << "0,1\n1,0\n";
  const std::pair<const char*, std::vector<const char*>> cases[] = {
      {"train absent.toml", {"absent.toml", "no such file"}},
      {"train v.toml --set source.path=nowhere", {"nowhere"}},
      {"train v.toml --set source.path=empty", {"empty", "*.png"}},
      {"train v.toml --set source.path=text.png", {"text.png", "not a PNG, JPEG or WebP"}},
      {"train v.toml --set source.path=zero.png", {"zero.png", "empty"}},
      {"train v.toml --set source.path=nan.npy", {"nan.npy", "row"}},
      {"train v.toml --set source.path=three.npy", {"one shape", "[3] and [2]"}},
      {"train v.toml --set source.path=toy:moon", {"did you mean \"moons\""}},
      {"train v.toml --set method=wek", {"unknown method", "weak"}},
      {"train v.toml --set weak.z=1", {"Z = 1", "weak.z"}},
      {"train v.toml --set train.batch=0", {"train.batch", "got 0"}},
      {"train v.toml --set train.bath=1", {"did you mean \"train.batch\""}},
      {"train v.toml --out file/below", {"file/below", "choose another"}},
      {"train v.toml --out /proc/monge", {"/proc/monge", "choose another"}},  // cannot be written to, by root either
      {"train v.toml --out pictures", {"pictures", "no run's"}},
      {"train v.toml --set cost.scale=huge", {"cost.scale", "huge"}},
      {"train v.toml --set train.lr_map=inf", {"train.lr_map", "inf"}},
      {"train v.toml --set data.flip=true", {"flip"}},
      {"train v.toml --device cuda", {"cuda"}},
      {"train v.toml --set source.path='\xff.csv'", {"source.path", "not UTF-8"}},
      {"resume empty", {"not a run directory"}},
      {"translate nothing pictures out", {"nothing", "no such model"}},
      {"translate v.toml absent.png out.png", {"absent.png"}},
      {"eval absent", {"absent"}},
  };
  for (const auto& [arguments, phrases] : cases) {
    if (std::string(arguments).ends_with("cuda") && torch::cuda::is_available()) continue;
    const auto result = monge(folder.path(), arguments);
    EXPECT_EQ(result.code, 2) << arguments << "\n" << result.err;
    EXPECT_EQ(result.out, "") << arguments;
    for (const char* phrase : phrases) EXPECT_THAT(result.err, HasSubstr(phrase)) << arguments;
    EXPECT_THAT(result.err, Not(HasSubstr("internal error"))) << arguments;
    EXPECT_FALSE(fs::exists(folder / "runs")) << arguments;
  }
  const auto misspelt = monge(folder.path(), "trian v.toml");
  EXPECT_EQ(misspelt.code, 2);
  EXPECT_THAT(misspelt.err, AllOf(HasSubstr("unknown command, got \"trian\""), HasSubstr("translate"), HasSubstr("did you mean \"train\"?")));
  EXPECT_EQ(monge(folder.path(), "train").code, 2);
  EXPECT_EQ(monge(folder.path(), "--help").code, 0);
}

TEST_F(Cli, EvaluatesOnNamedSetsWhenTheTrainingDataAreGone) {
  io::write_npy(folder / "a.npy", torch::rand({300, 2}));
  io::write_npy(folder / "b.npy", torch::rand({300, 2}));
  fs::create_directory(folder / "moved");
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q --set source.path=a.npy --set target.path=b.npy").code, 0);
  const std::string eval = "eval run --json -q --samples 200 ";
  const auto with_target = monge(folder.path(), eval + "--source a.npy --target a.npy");
  EXPECT_EQ(with_target.err, "");

  fs::rename(folder / "a.npy", folder / "moved/a.npy");  // neither flag needs it
  auto result = monge(folder.path(), eval + "--source moved/a.npy");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("compared instead")));

  fs::rename(folder / "b.npy", folder / "moved/b.npy");
  result = monge(folder.path(), eval + "--source moved/a.npy --target moved/b.npy");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("b.npy: no such file"), HasSubstr("two halves of moved/b.npy are compared instead")));
  EXPECT_GT(json::parse(result.out)["target_floor"], 0);
  EXPECT_EQ(monge(folder.path(), eval + "--target moved/b.npy").code, 2);  // the inputs are gone
  EXPECT_EQ(monge(folder.path(), eval).code, 2);
}

TEST_F(Cli, WarnsOfFiguresThatRestOnAFewSamples) {
  const std::string few = "the figures rest on 20 inputs and 20 target samples;";
  const auto trained = monge(folder.path(), "train v.toml --out run -q --set eval.samples=20");
  ASSERT_EQ(trained.code, 0);
  EXPECT_THAT(trained.err, HasSubstr(few));
  EXPECT_EQ(trained.err.find(few), trained.err.rfind(few));  // with the first evaluation alone
  EXPECT_THAT(monge(folder.path(), "eval run --samples 20").err, HasSubstr(few));
  EXPECT_THAT(monge(folder.path(), "eval run --samples 50").err, Not(HasSubstr("rest on")));
}

TEST_F(Cli, DoesNotMixTwoRunsInOneFolder) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  const auto again = monge(folder.path(), "train v.toml --out run -q");
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.err, AllOf(HasSubstr("already holds a run"), HasSubstr("monge resume run")));
}

TEST_F(Cli, DivergenceHasAnExitCodeOfItsOwn) {
  const auto result = monge(folder.path(), "train v.toml --out run -q --set train.lr_map=1e30 --set train.lr_potential=1e30 --set train.iterations=50");
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, AllOf(HasSubstr("diverged"), HasSubstr("outer iteration")));
}

TEST_F(Cli, NothingTakesThePlaceOfWhatIsThere) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  const auto before = testing::slurp(folder / "pictures/0.png");
  const std::pair<const char*, const char*> cases[] = {
      {"translate run pictures pictures/out", "lies in the input"},
      {"translate run pictures out --grid pictures/0.png", "choose another file"},
      {"translate run pictures/0.png pictures/0.png", "the input itself"},
      {"export run --out run/best/state.safetensors", "is a checkpoint"},
      {"export run --to torch --out run/recipe.toml", ".pt or .pth"},
      {"resume run --set train.batch=8", "Start a new run"},
  };
  for (const auto& [arguments, phrase] : cases) {
    const auto result = monge(folder.path(), arguments);
    EXPECT_EQ(result.code, 2) << arguments;
    EXPECT_THAT(result.err, HasSubstr(phrase)) << arguments;
  }
  EXPECT_EQ(testing::slurp(folder / "pictures/0.png"), before);
  EXPECT_EQ(monge(folder.path(), "eval run -q").code, 0);
}

TEST_F(Cli, ARunBelongsToOneProcess) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  const int held = ::open((folder / "run/.lock").c_str(), O_RDWR | O_CREAT, 0644);
  ASSERT_EQ(::flock(held, LOCK_EX), 0);
  const auto result = monge(folder.path(), "resume run --set train.iterations=20");
  ::close(held);
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("in use by another"));
}

// nohup and a closed terminal: the run goes on to its end.
TEST_F(Cli, ASignalThatWasIgnoredStaysIgnored) {
  const auto before = std::signal(SIGHUP, SIG_IGN);
  const auto result = testing::monge_with_signal(folder.path(), "train v.toml --out run --set train.iterations=150",
                                                 folder / "run/checkpoints/step_000004", SIGHUP);
  std::signal(SIGHUP, before);
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(fs::exists(folder / "run/checkpoints/step_000150"));
}

// The address space is limited, so that the allocation fails at once instead of filling the machine.
TEST_F(Cli, OutOfMemoryOnAProcessorSaysWhatHelps) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer needs an address space without limit";
#endif
  const std::string line = "cd '" + folder.path().string() + "' && ulimit -v 12000000 && '" MONGE_PROGRAM
                           "' train v.toml -q --device cpu --set map.width=65536 >out 2>err";
  EXPECT_EQ(WEXITSTATUS(std::system(line.c_str())), 1);
  EXPECT_THAT(testing::slurp(folder / "err"), AllOf(HasSubstr("out of memory"), Not(HasSubstr("internal error"))));
}

TEST_F(Cli, ResumeStoresWhereTheDataMovedTo) {
  io::write_npy(folder / "x.npy", torch::rand({200, 2}));
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q --set source.path=x.npy").code, 0);
  fs::create_directory(folder / "moved");
  fs::rename(folder / "x.npy", folder / "moved/x.npy");
  const auto resumed = monge(folder.path(), "resume run -q --set source.path=moved/x.npy --set train.iterations=14");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(testing::slurp(folder / "run/recipe.toml"), HasSubstr("\"" + (folder / "moved/x.npy").string() + "\""));
  EXPECT_EQ(monge(folder / "moved", "eval ../run -q").code, 0);  // from another folder
}

TEST_F(Cli, HalfPrecisionWithoutAGpuTrainsInSingleAndSaysSo) {
  const auto result = monge(folder.path(), "train v.toml --out run --device cpu --set train.precision=fp16");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("\"fp16\" needs a GPU; training in fp32"));
  EXPECT_THAT(testing::slurp(folder / "run/recipe.toml"), HasSubstr("precision = \"fp32\""));
}

TEST_F(Cli, ARunWithoutACheckpointCanBeBegunAnew) {
  const auto failed = monge(folder.path(), "train v.toml --out run -q --set train.lr_map=1e38 --set train.lr_potential=1e38");
  ASSERT_EQ(failed.code, 4) << failed.err;
  fs::remove_all(folder / "run/checkpoints");
  EXPECT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
}

// A disk of our own: a tmpfs of 512 KiB in a mount namespace, gone when the command ends; so the run is copied out first.
TEST_F(Cli, AFullDiskLeavesTheLastGoodCheckpoint) {
  fs::create_directory(folder / "disk");
  const std::string mount = "mount -t tmpfs -o size=512k none disk";
  const auto in_namespace = [&](const std::string& script) {
    return WEXITSTATUS(std::system(("cd '" + folder.path().string() + "' && unshare -rm sh -c \"" + script + "\" 2>err").c_str()));
  };
  if (in_namespace(mount) != 0) GTEST_SKIP() << "needs unshare -rm and a tmpfs of its own: " << testing::slurp(folder / "err");
  const int code = in_namespace(mount + " && '" MONGE_PROGRAM "' train v.toml --out disk/run --set train.iterations=100000 " +
                                "--set checkpoint.keep=100000 --set eval.every=0; code=\\$?; cp -r disk/run copy; exit \\$code");
  const auto said = testing::slurp(folder / "err");
  EXPECT_EQ(code, 1) << said;
  EXPECT_THAT(said, AllOf(HasSubstr("No space left on device"), HasSubstr("free some space"), HasSubstr("the last good checkpoint is disk/run/checkpoints/step_"),
                          HasSubstr("monge resume disk/run"), Not(HasSubstr("internal error"))));
  const auto checkpoints = train::list_checkpoints(folder / "copy/checkpoints");
  ASSERT_FALSE(checkpoints.empty());
  EXPECT_THAT(said, HasSubstr(checkpoints.back().filename().string() + ";"));
  for (const auto& checkpoint : checkpoints) EXPECT_NO_THROW(train::load_checkpoint(checkpoint)) << checkpoint;
  EXPECT_EQ(monge(folder.path(), "eval copy -q").code, 0);
}

TEST_F(Cli, LostResultsAreAFailure) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  EXPECT_EQ(std::system("'" MONGE_PROGRAM "' options >/dev/full 2>/dev/null") >> 8, 1);
}

}  // namespace
}  // namespace monge

// Training from outside: what the program prints, what it leaves, how it ends.
#include <fcntl.h>
#include <sys/file.h>
#include <torch/cuda.h>
#include <torch/types.h>

#include "monge/io/archive.h"
#include "monge/io/npy.h"
#include "monge/run/tfrecord.h"
#include "monge/train/checkpoint.h"
#include "tests/cli/fixture.h"

namespace monge {
namespace {

TEST_F(Cli, TrainsLeavesARunDirectoryAndSaysHowToUseIt) {
  const auto result = monge(folder.path(), "train v.toml");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("monge translate runs/00000-run"));
  EXPECT_THAT(result.err, HasSubstr("training  12/12  100 %"));
  const auto run = folder / "runs/00000-run";
  for (const char* name :
       {"recipe.toml", "environment.json", "log.txt", "metrics.jsonl", "checkpoints/step_000012/state.safetensors",
        "samples/step_000006.png", "samples/step_000012.png", "best/manifest.json", "summary.json", "report.html",
        "events.out.tfevents.monge"}) {
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
  EXPECT_THAT(monge(folder.path(), "train v.toml --out \"it's my run\"").err,
              HasSubstr("monge resume 'it'\\''s my run'"));
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
  EXPECT_THAT(monge(folder.path(), "info --licenses").out, HasSubstr("libarchive"));
  EXPECT_GT(json::parse(monge(folder.path(), "info --licenses --json").out)["parts"].size(), 20);
  const auto eval = json::parse(monge(folder.path(), "eval runs/00000-run --samples 32 --json -q").out);
  for (const char* key : {"target_error", "target_floor", "cost", "mse", "diversity"})
    EXPECT_TRUE(eval.contains(key)) << key;
}

// The run that is interrupted and resumed leaves the bytes of the one that was not.
TEST_F(Cli, ASignalSavesAndResumeEndsWhereTheStraightRunDoes) {
  // More iterations than any machine does before the signal comes.
  const auto stopped = testing::monge_with_signal(
      folder.path(), "train v.toml --out broken --set train.iterations=10000000 --set checkpoint.keep=1000000",
      folder / "broken/checkpoints/step_000004", SIGTERM);
  ASSERT_EQ(stopped.code, 3) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("monge resume broken"));
  const auto at = train::load_newest(folder / "broken/checkpoints", silent()).iteration;
  const auto end = " --set train.iterations=" + std::to_string(at + 41);
  const auto resumed = monge(folder.path(), "resume broken" + end);
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  ASSERT_EQ(monge(folder.path(), "train v.toml --out straight -q" + end).code, 0);
  const auto newest = [&](const char* run) { return train::list_checkpoints(folder / run / "checkpoints").back(); };
  EXPECT_EQ(newest("straight").filename(), newest("broken").filename());
  EXPECT_EQ(testing::slurp(newest("straight") / "state.safetensors"),
            testing::slurp(newest("broken") / "state.safetensors"));
  std::istringstream lines(testing::slurp(folder / "broken/metrics.jsonl"));
  int64_t expected = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto entry = json::parse(line);
    if (entry.contains("eval")) continue;
    EXPECT_EQ(entry["iteration"], ++expected);  // no step twice, none missing
  }
  EXPECT_EQ(expected, at + 41);
}

TEST_F(Cli, DryRunPrintsRecipeCountsAndMemoryAndLeavesNothing) {
  const auto result = monge(folder.path(), "train v.toml --dry-run --set weak.z=3");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("z = 3"), HasSubstr("# map         "), HasSubstr(" parameters"), HasSubstr("MiB")));
  EXPECT_FALSE(fs::exists(folder / "runs"));
}

// Every one of these is the user's mistake: exit code 2, one line that names it, no run directory.
TEST_F(Cli, RefusesBadInputByName) {
  std::ofstream(folder / "text.png") << "<html>not an image</html>";
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
      {"train v.toml --set source.path=text.png", {"text.png", "not a PNG, JPEG, WebP, TIFF or SVG"}},
      {"train v.toml --set source.path=zero.png", {"zero.png", "empty"}},
      {"train v.toml --set source.path=nan.npy", {"nan.npy", "row"}},
      {"train v.toml --set source.path=three.npy", {"the same shape", "[3] and [2]"}},
      {"train v.toml --set source.path=toy:moon", {"did you mean \"moons\""}},
      {"train v.toml --set method=wek", {"unknown method", "weak"}},
      {"train v.toml --set weak.z=1", {"Z = 1", "weak.z"}},
      {"train v.toml --set train.batch=0", {"train.batch", "got 0"}},
      {"train v.toml --set train.bath=1", {"did you mean \"train.batch\""}},
      {"train v.toml --out file/below", {"file/below", "choose another"}},
      {"train v.toml --out /proc/monge", {"/proc/monge", "choose another"}},  // cannot be written to, by root either
      {"train v.toml --out images", {"images", "do not belong to a run"}},
      {"train v.toml --set cost.scale=huge", {"cost.scale", "huge"}},
      {"train v.toml --set train.lr_map=inf", {"train.lr_map", "inf"}},
      {"train v.toml --set data.flip=true", {"flip"}},
      {"train v.toml --device cuda", {"cuda"}},
      {"train v.toml --set source.path='\xff.csv'", {"source.path", "not UTF-8"}},
      {"resume empty", {"not a run directory"}},
      {"translate nothing images out", {"nothing", "no such model"}},
      {"translate v.toml absent.png out.png", {"absent.png"}},
      {"eval absent", {"absent"}},
      {"truth parallel --set checkpoint.every=5", {"checkpoint.every=5", "has no effect on monge truth"}},
      {"truth parallel --set eval.every=5", {"eval.every=5", "has no effect"}},
      {"truth parallel --set data.standardise=joint", {"data.standardise=joint", "would change the map"}},
      {"truth parallel --set output.range=0..", {"output.range=0..", "would change the map"}},
      {"bench v.toml --set train.init=run", {"train.init=run", "has no effect on monge bench"}},
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
  EXPECT_THAT(misspelt.err, AllOf(HasSubstr("unknown command, got \"trian\""), HasSubstr("translate"),
                                  HasSubstr("did you mean \"train\"?")));
  EXPECT_THAT(monge(folder.path(), "train v.toml --set train.batch=4 train.k_t=1").err,
              HasSubstr("each KEY=VALUE needs its own --set: --set train.k_t=1"));
  EXPECT_EQ(monge(folder.path(), "train").code, 2);
  EXPECT_EQ(monge(folder.path(), "--help").code, 0);
}

TEST_F(Cli, DoesNotMixTwoRunsInOneFolder) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  const auto again = monge(folder.path(), "train v.toml --out run -q");
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.err, AllOf(HasSubstr("already holds a run"), HasSubstr("monge resume run")));
}

TEST_F(Cli, DivergenceHasAnExitCodeOfItsOwn) {
  const auto result = monge(
      folder.path(),
      "train v.toml --out run -q --set train.lr_map=1e30 --set train.lr_potential=1e30 --set train.iterations=50");
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, AllOf(HasSubstr("diverged"), HasSubstr("outer iteration")));
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
  testing::Running run(folder.path(),
                       "'" MONGE_PROGRAM
                       "' train v.toml --out run --set train.iterations=10000000 --set checkpoint.keep=1000000");
  std::signal(SIGHUP, before);
  ASSERT_TRUE(testing::appears(folder / "run/checkpoints/step_000004")) << run.err();
  ::kill(run.process(), SIGHUP);
  const auto at = train::load_newest(folder / "run/checkpoints", silent()).iteration;
  char later[32];
  std::snprintf(later, sizeof later, "step_%06d", static_cast<int>(at) / 4 * 4 + 100);
  EXPECT_TRUE(testing::appears(folder / "run/checkpoints" / later)) << run.err();  // it goes on
  ::kill(run.process(), SIGTERM);
  EXPECT_EQ(run.wait(120), 3) << run.err();
}

// The address space is limited, so that the allocation fails at once instead of filling the machine.
TEST_F(Cli, OutOfMemoryOnAProcessorSaysWhatHelps) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer needs an address space without limit";
#endif
  const std::string line = "cd '" + folder.path().string() +
                           "' && ulimit -v 12000000 && '" MONGE_PROGRAM
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
  const auto failed =
      monge(folder.path(), "train v.toml --out run -q --set train.lr_map=1e38 --set train.lr_potential=1e38");
  ASSERT_EQ(failed.code, 4) << failed.err;
  fs::remove_all(folder / "run/checkpoints");
  EXPECT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
}

/// A disk of our own: a tmpfs in a mount namespace, gone when the command ends, so the run is copied out
/// first.
class CliFullDisk : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    fs::create_directory(folder / "disk");
    if (in_namespace("512k", "true") != 0)
      GTEST_SKIP() << "needs unshare -rm and a tmpfs of its own: " << testing::slurp(folder / "err");
  }

  /// Runs the script with `disk` mounted. @return its exit code; what it said is in `err`.
  int in_namespace(const std::string& size, const std::string& script) const {
    const auto line = "cd '" + folder.path().string() + "' && unshare -rm sh -c \"mount -t tmpfs -o size=" + size +
                      " none disk && " + script + "\" 2>err";
    return WEXITSTATUS(std::system(line.c_str()));
  }

  const std::string train = "'" MONGE_PROGRAM "' train v.toml --out disk/run --set checkpoint.keep=100000 ";
};

TEST_F(CliFullDisk, LeavesTheLastGoodCheckpoint) {
  const int code =
      in_namespace("512k", train + "--set train.iterations=600; code=\\$?; cp -r disk/run copy; exit \\$code");
  const auto said = testing::slurp(folder / "err");
  EXPECT_EQ(code, 1) << said;
  EXPECT_THAT(said, AllOf(HasSubstr("No space left on device"), HasSubstr("free some space"),
                          HasSubstr("was saved, and the training continues"),
                          HasSubstr("the newest checkpoint is disk/run/checkpoints/step_"),
                          HasSubstr("monge resume disk/run"), Not(HasSubstr("internal error"))));
  const auto checkpoints = train::list_checkpoints(folder / "copy/checkpoints");
  ASSERT_FALSE(checkpoints.empty());
  EXPECT_THAT(said, HasSubstr(checkpoints.back().filename().string() + ";"));
  for (const auto& checkpoint : checkpoints) EXPECT_NO_THROW(train::load_checkpoint(checkpoint)) << checkpoint;
  EXPECT_EQ(monge(folder.path(), "eval copy -q").code, 0);
}

TEST_F(CliFullDisk, DoesNotEndATrainingIfThereIsRoomAgain) {
  // Another file fills the disk; it is removed when the training has said that it continues.
  const int code = in_namespace(
      "8m",
      "head -c 7896k /dev/zero > disk/other; (until grep -q 'training continues' err; do sleep 0.02; done; rm "
      "disk/other) & " +
          train +
          "--set train.iterations=2000 --set checkpoint.keep=1 --set eval.every=100 --set samples.every=100; "
          "code=\\$?; cp -r disk/run copy; exit \\$code");
  const auto said = testing::slurp(folder / "err");
  EXPECT_EQ(code, 0) << said;
  EXPECT_THAT(said, HasSubstr("training continues"));
  EXPECT_EQ(train::load_checkpoint(train::list_checkpoints(folder / "copy/checkpoints").back()).iteration, 2000);
  EXPECT_EQ(json::parse(std::ifstream(folder / "copy/summary.json"))["complete"], true);
  // The metrics that the disk refused for a while are there.
  const auto metrics = testing::slurp(folder / "copy/metrics.jsonl");
  for (int iteration = 1; iteration <= 2000; ++iteration)
    ASSERT_NE(metrics.find("{\"iteration\":" + std::to_string(iteration) + ","), std::string::npos) << iteration;
  EXPECT_EQ(run::sound_records(folder / "copy/events.out.tfevents.monge").rest, run::SoundRecords::Rest::none);
}

}  // namespace
}  // namespace monge

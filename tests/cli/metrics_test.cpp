// monge fid, kid, stats, lpips, and the metrics by networks in training, from outside. The feature net is a tiny
// TorchScript file of the project's own.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "tests/cli/fixture.h"

namespace monge {
namespace {

const std::string kNet = " --features " MONGE_SOURCE_DIR "/tests/fixtures/features.ts";

/// Two folders of images that differ, of several sizes.
class Metrics : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    fs::create_directories(folder / "other");
    for (int i = 0; i < 7; ++i) {
      auto image = torch::randint(0, 120, {16 + i, 20, 3}, torch::kUInt8);
      io::write_image(folder / "other" / (std::to_string(i) + ".png"), image);
    }
  }
};

TEST_F(Metrics, TheFigureAloneIsOnStdoutAndTheProtocolInTheJson) {
  const auto plain = monge(folder.path(), "fid images other" + kNet);
  ASSERT_EQ(plain.code, 0) << plain.err;
  const double value = std::stod(plain.out);
  EXPECT_GT(value, 0);
  EXPECT_EQ(plain.out.find('\n'), plain.out.size() - 1) << plain.out;
  EXPECT_THAT(plain.err, AllOf(HasSubstr("FD(features) with features features (own, weights "),
                               HasSubstr("6 and 7 images"), Not(HasSubstr("FID"))));
  const auto line = json::parse(monge(folder.path(), "fid images other --json -q" + kNet).out);
  EXPECT_EQ(line.at("metric"), "FD(features)");
  EXPECT_NEAR(line.at("value").get<double>(), value, 1e-6 * value);
  for (const char* key : {"features", "mode", "n_a", "n_b", "weights"}) EXPECT_TRUE(line.contains(key)) << key;
  EXPECT_EQ(line.at("n_b"), 7);
  for (const char* batch : {"1", "3"}) {
    EXPECT_NEAR(std::stod(monge(folder.path(), std::string("fid images other -q --batch ") + batch + kNet).out), value,
                1e-6 * value);
  }
  const auto kernel = json::parse(monge(folder.path(), "kid images other --json -q" + kNet).out);
  EXPECT_EQ(kernel.at("metric"), "KD(features)");
  EXPECT_GT(kernel.at("standard_error").get<double>(), 0);
}

TEST_F(Metrics, StatisticsStandForTheirSet) {
  const auto direct = std::stod(monge(folder.path(), "fid images other -q" + kNet).out);
  ASSERT_EQ(monge(folder.path(), "stats images a.safetensors -q" + kNet).code, 0);
  ASSERT_EQ(monge(folder.path(), "stats other b.safetensors -q --with-features" + kNet).code, 0);
  const auto kept = monge(folder.path(), "fid a.safetensors b.safetensors -q");  // needs no net
  ASSERT_EQ(kept.code, 0) << kept.err;
  EXPECT_NEAR(std::stod(kept.out), direct, 1e-6 * direct);
  EXPECT_NEAR(std::stod(monge(folder.path(), "fid a.safetensors other -q" + kNet).out), direct, 1e-6 * direct);
  const auto without = monge(folder.path(), "kid a.safetensors b.safetensors -q");
  EXPECT_EQ(without.code, 2);
  EXPECT_THAT(without.err, AllOf(HasSubstr("a.safetensors"), HasSubstr("--with-features")));
}

TEST_F(Metrics, AMissingWeightFileIsAnErrorThatSaysTheOneCommand) {
  unsetenv("MONGE_WEIGHTS");  // where files would be found
  const auto result = monge(folder.path(), "fid images other --weights .");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("monge weights fetch inception"));
  EXPECT_THAT(monge(folder.path(), "lpips images images --weights .").err, HasSubstr("monge weights fetch"));
  EXPECT_THAT(monge(folder.path(), "fid images other --features nowhere.ts").err,
              AllOf(HasSubstr("no such feature net"), HasSubstr("nowhere.ts")));
}

TEST_F(Metrics, LpipsPairsByNameAndRefusesWhatIsNoPair) {
  const auto weights = testing::shared_folder() / "weights";
  if (!fs::exists(weights / "alex.pth")) GTEST_SKIP() << "needs " << weights << ", which is not here";
  const auto with = " --weights '" + weights.string() + "'";
  const auto example = (testing::shared_folder() / "fixtures/lpips/ex_").string();
  const auto one = monge(folder.path(), "lpips " + example + "ref.png " + example + "p0.png --json -q" + with);
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_NEAR(json::parse(one.out).at("value").get<double>(), 0.7218808, 1e-5);
  EXPECT_EQ(json::parse(one.out).at("features"), "alex");
  for (const char* side : {"left", "right"}) fs::create_directory(folder / side);
  for (const char* name : {"ref", "p0", "p1"}) {
    fs::copy_file(example + name + ".png", folder / "left" / (std::string(name) + ".png"));
    io::write_image(folder / "right" / (std::string(name) + ".webp"), io::read_image(example + name + ".png"));
  }
  const auto folders = monge(folder.path(), "lpips left right --table pairs.csv" + with);
  ASSERT_EQ(folders.code, 0) << folders.err;
  EXPECT_GT(std::stod(folders.out), 0);
  EXPECT_EQ(std::count(std::istreambuf_iterator<char>(std::ifstream(folder / "pairs.csv").rdbuf()), {}, '\n'), 4);
  fs::rename(folder / "right/p1.webp", folder / "right/stranger.webp");
  EXPECT_THAT(monge(folder.path(), "lpips left right" + with).err,
              AllOf(HasSubstr("no partner"), HasSubstr("p1.png"), HasSubstr("--by-order")));
  EXPECT_EQ(monge(folder.path(), "lpips left right --by-order -q" + with).code, 0);
  fs::remove(folder / "right/stranger.webp");
  EXPECT_THAT(monge(folder.path(), "lpips left right --by-order" + with).err, HasSubstr("3 and 2 images"));
  io::write_image(folder / "right/p1.png", torch::zeros({32, 64, 3}, torch::kUInt8));
  EXPECT_THAT(monge(folder.path(), "lpips left right" + with).err,
              AllOf(HasSubstr("partners must have the same size"), HasSubstr("64x64 and 64x32")));
}

TEST_F(Metrics, BrokenImagesAreNamedOrSkippedAndCounted) {
  std::ofstream(folder / "other/3.png") << "no image";
  const auto failed = monge(folder.path(), "fid images other" + kNet);
  EXPECT_EQ(failed.code, 2);
  EXPECT_THAT(failed.err, AllOf(HasSubstr("1 of 7 images cannot be used"), HasSubstr("3.png")));
  const auto skipped = monge(folder.path(), "fid images other --json --on-error skip" + kNet);
  ASSERT_EQ(skipped.code, 0) << skipped.err;
  EXPECT_EQ(json::parse(skipped.out).at("skipped_b"), 1);
  EXPECT_EQ(json::parse(skipped.out).at("n_b"), 6);
  EXPECT_THAT(skipped.err, HasSubstr("3.png"));
  EXPECT_THAT(monge(folder.path(), "fid images/0.png other" + kNet).err, HasSubstr("1 image can be used"));
  EXPECT_THAT(monge(folder.path(), "fid nowhere other" + kNet).err, HasSubstr("no such file or folder"));
}

TEST_F(Metrics, TrainingJudgesByTheNetAndChoosesItsBestByIt) {
  const auto train = [&](const std::string& more) {
    return monge(
        folder.path(),
        "train p.toml --out run --set eval.every=2 --set train.iterations=6 --set eval.features=" MONGE_SOURCE_DIR
        "/tests/fixtures/features.ts " +
            more);
  };
  const auto result = train("--set eval.best=fd_features --json -q");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto summary = json::parse(result.out);
  EXPECT_EQ(summary.at("best_figure"), "fd_features");
  for (const char* key : {"fd_features", "kd_features", "kd_features_stderr"})
    EXPECT_TRUE(summary.contains(key)) << key;
  double least = INFINITY, last = NAN;
  std::ifstream metrics(folder / "run/metrics.jsonl");
  for (std::string text; std::getline(metrics, text);) {
    const auto entry = json::parse(text);
    if (!entry.contains("eval")) continue;
    last = entry.at("eval").at("fd_features").get<double>();
    least = std::min(least, last);
  }
  EXPECT_EQ(summary.at("best_value").get<double>(), least);
  EXPECT_EQ(summary.at("second_half").at("fd_features").at("last").get<double>(), last);
  EXPECT_EQ(summary.at("features_mode"), "own") << "a metric has its protocol beside it";
  EXPECT_TRUE(summary.contains("target_samples"));
  EXPECT_TRUE(fs::exists(folder / "run/curves/eval.fd_features.svg"));
  EXPECT_TRUE(fs::exists(folder / "run/curves/loss_map.svg"));
  const auto line = json::parse(monge(folder.path(), "eval run --json -q").out);
  EXPECT_TRUE(line.contains("fd_features")) << "the recipe's own feature net is used";
  EXPECT_FALSE(json::parse(monge(folder.path(), "eval run --features none --json -q").out).contains("fd_features"));
}

TEST_F(Metrics, ABestFigureThatIsNoneIsFoundBeforeTheRunHasAFolder) {
  const auto result = monge(folder.path(), "train v.toml --out run --set eval.best=fid");
  EXPECT_EQ(result.code, 2);
  EXPECT_FALSE(fs::exists(folder / "run"));
  for (const char* larger : {"psnr", "feature_floor", "diversity"}) {
    EXPECT_EQ(monge(folder.path(), std::string("train p.toml --out run --set eval.best=") + larger).code, 2)
        << "no distance: " << larger;
  }
  EXPECT_THAT(
      monge(folder.path(), "train v.toml --out run --set eval.features=" MONGE_SOURCE_DIR "/tests/fixtures/features.ts")
          .err,
      HasSubstr("evaluate images, but these data are vectors"));
  fs::create_directory(folder / "inception");  // a folder of that name is not the net
  EXPECT_THAT(monge(folder.path(), "train p.toml --out run --set eval.features=inception --set eval.weights=.").err,
              HasSubstr("monge weights fetch inception"));
  EXPECT_FALSE(fs::exists(folder / "run"));
  EXPECT_THAT(result.err, AllOf(HasSubstr("eval.best"), HasSubstr("\"fid\""), HasSubstr("target_error")));
}

// The map of two iterations colours white paper at random, so that it has far more fine detail than the target.
TEST_F(Metrics, GrainIsNamedWhereverARunIsEvaluated) {
  for (const char* side : {"drawings", "paintings"}) {
    fs::create_directories(folder / side);
    for (int i = 0; i < 12; ++i) {
      auto image = torch::full({16, 16, 3}, 255, torch::kUInt8);
      image.slice(0, 3, 11).slice(1, 2 + i % 4, 10) = 10 * i;
      if (side[0] == 'p') image.slice(0, 3, 11).slice(1, 2 + i % 4, 10).select(2, 0) = 255 - 9 * i;
      io::write_image(folder / side / (std::to_string(i) + ".png"), image);
    }
  }
  const auto trained =
      monge(folder.path(),
            "train p.toml --out run --set source.path=drawings --set target.path=paintings --set eval.every=2 "
            "--set map.patch=2 --set eval.source=drawings --set eval.target=paintings --set eval.samples=12");
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_THAT(trained.out, ::testing::ContainsRegex("texture    luma [0-9.e+]+ \\(grain\\), chroma "));
  const auto table = monge(folder.path(), "eval run -q");
  ASSERT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out,
              AllOf(::testing::ContainsRegex("\ntexture luma   [0-9.e+]+ \\(grain\\)   energy"),
                    HasSubstr("1 is right"), HasSubstr("\nbackground     "), HasSubstr("\nluma shift     ")));
  const auto line = json::parse(monge(folder.path(), "eval run --json -q").out);
  const auto summary = json::parse(std::ifstream(folder / "run/summary.json"));
  for (const char* key : {"texture_luma", "texture_chroma", "background_shift", "luma_shift"}) {
    EXPECT_GT(line.at(key).get<double>(), 0) << key;
    EXPECT_GT(summary.at(key).get<double>(), 0) << key;
    EXPECT_TRUE(fs::exists(folder / ("run/curves/eval." + std::string(key) + ".svg"))) << key;
  }
  EXPECT_GT(line.at("texture_luma").get<double>(), 1.5);
  EXPECT_THAT(testing::slurp(folder / "run/report.html"), HasSubstr("(grain): more detail than the target has"));
}

TEST_F(Metrics, PatienceEndsARunThatGetsNoBetter) {
  // A map that hardly moves gets no better after its first evaluation, or only by chance for a while.
  const auto result =
      monge(folder.path(),
            "train v.toml --out run --json --set train.iterations=200 --set eval.every=2 --set eval.patience=2 "
            "--set train.lr_map=1e-12 --set train.lr_potential=1e-12 --set checkpoint.every=200");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("no improvement of target_error in 2 evaluations (eval.patience)"));
  const auto summary = json::parse(result.out);
  EXPECT_LT(summary.at("iterations").get<int>(), 200);
  EXPECT_EQ(summary.at("complete"), true);
  EXPECT_THAT(summary.at("ended_early").get<std::string>(), HasSubstr("eval.patience"));
  const auto again = monge(folder.path(), "resume run --json");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(json::parse(again.out).at("iterations"), summary.at("iterations"))
      << "a run that ended so stays where it is";
  const auto longer = monge(folder.path(), "resume run --json --set eval.patience=1000");
  EXPECT_EQ(json::parse(longer.out).at("iterations"), 200);
}

TEST_F(Metrics, AStopBeforeTheFirstIterationIsAStop) {
  const auto result = testing::monge_with_signal(
      folder.path(), "train p.toml --out run --set train.iterations=100000 --set train.batch=64",
      folder / "run/recipe.toml", SIGINT);
  EXPECT_EQ(result.code, 3) << result.err;
  EXPECT_TRUE(fs::exists(folder / "run/summary.json"));
}

TEST_F(Metrics, BenchTimesAnIteration) {
  const auto result = monge(folder.path(), "bench v.toml --iterations 2 --warm 1 --json");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto line = json::parse(result.out);
  for (const char* key :
       {"ms_per_outer", "images_per_second", "flops", "flops_per_second", "ceiling_flops_per_second",
        "ceiling_fp32_flops_per_second", "ceiling_bf16_flops_per_second", "share_of_ceiling", "bytes", "peak_bytes",
        "data_wait", "kernel_launches", "device", "threads", "dtype", "loss_map", "loss_potential"})
    EXPECT_TRUE(line.contains(key)) << key;
  EXPECT_GT(line.at("flops").get<double>(), 0);
  EXPECT_GT(line.at("bytes").get<double>(), 0);
  EXPECT_EQ(
      monge(folder.path(), "bench v.toml --synthetic --shape 5 --iterations 1 --warm 0 -q --set train.precision=fp64")
          .code,
      0);
  EXPECT_THAT(monge(folder.path(), "bench v.toml --synthetic --shape 5 5").err, HasSubstr("--synthetic needs --shape"));
  EXPECT_THAT(monge(folder.path(), "bench v.toml --shape 5").err, HasSubstr("add --synthetic"));
}

}  // namespace
}  // namespace monge

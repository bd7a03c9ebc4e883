// monge truth from outside, and the alarm of spurious solutions in monge train.
#include <torch/types.h>

#include <sstream>

#include "monge/io/npy.h"
#include "tests/cli/fixture.h"

namespace monge {
namespace {

std::vector<json> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<json> out;
  for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
  return out;
}

TEST(CliTruth, PrintsARowASeedAndTheirSummaryAsJson) {
  testing::ScratchFolder folder;
  const auto result = monge(
      folder.path(), "truth parallel --quick --set train.iterations=2 --seeds 3 --seed 5 --json --threads 1 --plots p");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto rows = lines_of(result.out);
  ASSERT_EQ(rows.size(), 4u);
  for (const char* key :
       {"case", "dim", "method", "seed", "cost_error", "target_error", "target_floor", "l2_uvp", "cosine", "seconds"}) {
    EXPECT_TRUE(rows[0].contains(key)) << key;
  }
  EXPECT_EQ(rows[2]["seed"], 7);
  EXPECT_FALSE(rows[0].contains("branch")) << "a metric of one-to-many alone";
  const double best = rows[3]["best"]["l2_uvp"], median = rows[3]["median"]["l2_uvp"],
               worst = rows[3]["worst"]["l2_uvp"];
  EXPECT_LE(best, median);
  EXPECT_LE(median, worst);
  EXPECT_EQ(io::read_image(folder / "p/parallel-otp-6.png").size(0), 480);
  EXPECT_THAT(testing::slurp(folder / "p/parallel-otp-6.svg"), AllOf(HasSubstr("<svg"), HasSubstr("parallel, otp")));
}

TEST(CliTruth, PrintsATable) {
  testing::ScratchFolder folder;
  const auto result =
      monge(folder.path(), "truth line perpendicular --quick --set train.iterations=2 --method strong -q --threads 1");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("L2-UVP %"), HasSubstr("\nline "), HasSubstr("\nperpendicular "), HasSubstr("strong")));
}

TEST(CliTruth, RefusesWhatCannotBe) {
  testing::ScratchFolder folder;
  const auto refused = [&](const std::string& arguments) {
    const auto result = monge(folder.path(), "truth " + arguments);
    EXPECT_EQ(result.code, 2) << arguments;
    EXPECT_EQ(result.out, "") << arguments;
    return result.err;
  };
  EXPECT_THAT(refused("perpendicular --dim 5"), AllOf(HasSubstr("--dim"), HasSubstr("5"), HasSubstr("even")));
  EXPECT_THAT(refused("gausian"), HasSubstr("did you mean \"gaussian\""));
  EXPECT_THAT(refused("line --method storng"), HasSubstr("strong"));
  EXPECT_THAT(refused("w2bench"), HasSubstr("--pair"));
  EXPECT_THAT(refused("w2bench --pair none.safetensors"), HasSubstr("none.safetensors"));
  EXPECT_THAT(refused("--dim 4"), HasSubstr("name a CASE"));
  EXPECT_THAT(refused("perpendicular --set otp.eps_end=0.9"),
              AllOf(HasSubstr("otp.eps_end = 0.9"), HasSubstr("otp.eps_start")));
  EXPECT_THAT(refused("line --set train.seed=3"), HasSubstr("--seed"));
  EXPECT_THAT(refused("line --set source.path=toy:moons"), HasSubstr("fixed by the case"));
  EXPECT_THAT(refused("perpendicular --set otp.eps=0.9"), HasSubstr("otp.eps"));
}

std::string recipe(const std::string& method) {
  return "method = \"" + method + R"("
[source]
path = "toy:perpendicular?dim=2&side=source"
[target]
path = "toy:perpendicular?dim=2&side=target"
[map]
width = 16
[potential]
width = 16
[train]
iterations = 4
threads = 1
batch = 64
k_t = 2
[eval]
every = 2
samples = 256
)";
}

// Four iterations reach nothing: the summary must say so plainly, in words, in JSON and as a warning.
TEST(CliAlarm, SaysPlainlyThatAMapMissesItsTarget) {
  testing::ScratchFolder folder;
  std::ofstream(folder / "r.toml") << recipe("strong");
  const auto result = monge(folder.path(), "train r.toml");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("MISSES its target"));
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("warning: the map MISSES"), HasSubstr("span 1 of 2 dimensions"), HasSubstr("otp")));
  const auto summary = json::parse(testing::slurp(folder / "runs/00000-run/summary.json"));
  EXPECT_EQ(summary["reaches_target"], false);
  EXPECT_THAT(testing::slurp(folder / "runs/00000-run/metrics.jsonl"), HasSubstr("target_start"));
  const auto evaluated = monge(folder.path(), "eval runs/00000-run --json");
  EXPECT_THAT(json::parse(evaluated.out)["verdict"], HasSubstr("MISSES"));
}

// auto is decided once, reported, and written down; a map of otp draws.
TEST(CliOtp, DecidesItsNoiseLevelOnceAndDraws) {
  testing::ScratchFolder folder;
  std::ofstream(folder / "r.toml") << recipe("otp");
  const auto result = monge(folder.path(), "train r.toml");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("otp.eps_end = "), HasSubstr("intrinsic dimension"), Not(HasSubstr("span 1 of 2"))));
  EXPECT_THAT(testing::slurp(folder / "runs/00000-run/recipe.toml"), Not(HasSubstr("eps_end = \"auto\"")));
  EXPECT_THAT(testing::slurp(folder / "runs/00000-run/metrics.jsonl"), HasSubstr("noise_level"));
  io::write_npy(folder / "x.npy", torch::zeros({5, 2}));
  EXPECT_EQ(monge(folder.path(), "translate runs/00000-run x.npy y.npy --samples 3 -q").code, 0);
  const auto y = io::read_npy(folder / "y.npy");
  EXPECT_EQ(y.sizes(), (std::vector<int64_t>{5, 3, 2}));
  EXPECT_GT((y.select(1, 0) - y.select(1, 1)).abs().max().item<double>(), 1e-4) << "the draws are one and the same";
  EXPECT_EQ(monge(folder.path(), "translate runs/00000-run x.npy d.npy --deterministic -q").code, 0);
  const auto d = io::read_npy(folder / "d.npy");
  EXPECT_EQ(d.sizes(), (std::vector<int64_t>{5, 2}));
  EXPECT_TRUE(torch::equal(d[0], d[4])) << "one input, one output";
  EXPECT_THAT(monge(folder.path(), "translate runs/00000-run x.npy z.npy --deterministic --samples 2").err,
              HasSubstr("--deterministic"));
  std::ofstream(folder / "bad.toml") << recipe("otp") + "[otp]\neps_start = 0.1\neps_end = 0.5\n";
  const auto refused = monge(folder.path(), "train bad.toml");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("otp.eps_end = 0.5"), HasSubstr("otp.eps_start = 0.1")));
}

// A longer run must not make noise again.
TEST(CliOtp, ALongerRunGoesOnWithTheNoiseWhereItWas) {
  testing::ScratchFolder folder;
  std::ofstream(folder / "r.toml") << recipe("otp") + "[otp]\neps_start = 0.5\neps_end = 0.1\nanneal = 0.5\n";
  ASSERT_EQ(monge(folder.path(), "train r.toml -q").code, 0);
  const auto run = folder / "runs/00000-run";
  const auto summary = testing::slurp(run / "summary.json");
  ASSERT_EQ(monge(folder.path(), "resume runs/00000-run -q").code, 0);
  EXPECT_EQ(testing::slurp(run / "summary.json"), summary) << "nothing was trained, so nothing is forgotten";
  ASSERT_EQ(monge(folder.path(), "resume runs/00000-run --set train.iterations=12 -q").code, 0);
  for (const auto& line : lines_of(testing::slurp(run / "metrics.jsonl"))) {
    if (line.contains("noise_level") && line["iteration"] > 2) {
      EXPECT_DOUBLE_EQ(line["noise_level"], 0.1) << line["iteration"];
    }
  }
}

}  // namespace
}  // namespace monge

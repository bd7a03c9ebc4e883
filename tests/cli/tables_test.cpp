// The program on tables as people have them: far from 0, in double, with names.
#include "monge/core/random.h"
#include "monge/io/npy.h"
#include "tests/cli/fixture.h"

namespace monge {
namespace {

const char* const kShift = R"(
method = "strong"
[source]
path = "a.npy"
[target]
path = "b.npy"
[data]
standardise = "joint"
[map]
width = 32
residual = true
[potential]
width = 32
[train]
iterations = 400
threads = 1
batch = 128
k_t = 4
lr_map = 2e-3
lr_potential = 2e-3
schedule = "cosine"
ema = 0.98
[eval]
every = 400
samples = 256
holdout = 0.1
[samples]
every = 0
)";

/// An ordinary column, metres north of the equator, seconds since 1970: float32 moves by 0.5 and by 128 there.
class FarTables : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    std::ofstream(folder / "far.toml") << kShift;
    a = torch::randn({400, 3}, RandomStreams(1).at("a", 0), torch::kFloat64) * spread + torch::tensor({0., 5.8e6, 1.75e9}, torch::kFloat64);
    io::write_npy(folder / "a.npy", a);
    io::write_npy(folder / "b.npy", a + shift);
  }

  torch::Tensor spread = torch::tensor({1., 0.1, 10.}, torch::kFloat64), shift = torch::tensor({2., 0.2, 30.}, torch::kFloat64), a;
};

TEST_F(FarTables, AreCarriedInDouble) {
  auto result = monge(folder.path(), "train far.toml --out run");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("float32")));
  const auto summary = json::parse(testing::slurp(folder / "run/summary.json"));
  EXPECT_EQ(summary["verdict"], "the map reaches its target");
  EXPECT_FALSE(summary.contains("lost_columns"));
  ASSERT_EQ(monge(folder.path(), "translate run a.npy y.npy -q").code, 0);
  const auto y = io::read_npy(folder / "y.npy");
  ASSERT_EQ(y.scalar_type(), torch::kFloat64);
  const auto moved = (y - a).mean(0), wide = y.std(0, false), spread_of_a = a.std(0, false);
  for (int64_t k = 0; k < 3; ++k) {
    EXPECT_NEAR(moved[k].item<double>() / shift[k].item<double>(), 1, 0.01) << "column " << k;
    EXPECT_NEAR(wide[k].item<double>() / spread_of_a[k].item<double>(), 1, 0.05) << "column " << k;
  }

  // As text the digits are those that the map has: its step in the third column is about 18 s / 2^24 = 1e-6 s.
  ASSERT_EQ(monge(folder.path(), "translate run a.npy y.csv -q").code, 0);
  const auto line = testing::slurp(folder / "y.csv").substr(0, testing::slurp(folder / "y.csv").find('\n'));
  EXPECT_LE(line.size(), 48u) << line;
  std::vector<double> numbers;
  for (std::istringstream fields(line); numbers.size() < 3;) {
    std::string field;
    if (!std::getline(fields, field, ',')) break;
    numbers.push_back(std::stod(field));
  }
  ASSERT_EQ(numbers.size(), 3u) << line;
  for (size_t k = 0; k < 3; ++k) EXPECT_NEAR(numbers[k], y[0][static_cast<int64_t>(k)].item<double>(), 3e-6 * spread[static_cast<int64_t>(k)].item<double>());

  // What float32 holds comes back as float32, and whole numbers as the floats that hold them.
  io::write_npy(folder / "f.npy", torch::zeros({3, 3}));
  io::write_npy(folder / "i.npy", torch::zeros({3, 3}, torch::kInt64));
  io::write_npy(folder / "s.npy", torch::zeros({3, 3}, torch::kInt16));
  for (const auto& [in, type] : {std::pair{"f", torch::kFloat32}, {"i", torch::kFloat64}, {"s", torch::kFloat32}}) {
    ASSERT_EQ(monge(folder.path(), std::string("translate run ") + in + ".npy out.npy -q").code, 0);
    EXPECT_EQ(io::read_npy(folder / "out.npy").scalar_type(), type) << in;
  }
}

TEST_F(FarTables, WithoutStandardisationAreToldToBeLost) {
  auto result = monge(folder.path(), "train far.toml --out run --set data.standardise=off --set train.iterations=20 --set eval.every=20");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("columns that float32 cannot hold"), HasSubstr("source 1, 2 (2 of 3); target 1, 2 (2 of 3)"),
                                HasSubstr("data.standardise = \"joint\"")));
  const auto summary = json::parse(testing::slurp(folder / "run/summary.json"));
  EXPECT_EQ(summary["lost_columns"], json::parse(R"({"source": [1, 2], "target": [1, 2]})"));
  EXPECT_TRUE(summary["reaches_target"].is_null());
  EXPECT_THAT(summary["verdict"].get<std::string>(), AllOf(HasSubstr("cannot be judged: float32 cannot hold"), Not(HasSubstr("reaches"))));
  EXPECT_THAT(result.out, AllOf(HasSubstr("cannot be judged"), Not(HasSubstr("reaches"))));
  result = monge(folder.path(), "eval run --json -q");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(json::parse(result.out)["verdict"].get<std::string>(), HasSubstr("cannot be judged: float32 cannot hold"));
  result = monge(folder.path(), "translate run a.npy y.npy");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("a.npy: float32, in which the map computes, cannot hold 2 columns, whose offset is far beyond their spread: 1, 2"));
}

TEST_F(FarTables, OneScaleKeepsTheProblem) {
  const auto result = monge(folder.path(), "train far.toml --out run --set data.standardise=scale --set train.iterations=4 --set eval.every=4");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("data.standardise = scale: by all 360 rows of the source"));
  EXPECT_EQ(monge(folder.path(), "translate run a.npy y.npy -q").code, 0);
  const auto resumed = monge(folder.path(), "resume run --set train.iterations=6");
  EXPECT_EQ(resumed.code, 0) << resumed.err;
}

TEST_F(FarTables, OutputsStayInTheirRange) {
  auto result = monge(folder.path(), "train far.toml --out run --set output.range=0.. --set train.iterations=4 --set eval.every=4");
  ASSERT_EQ(result.code, 0) << result.err;
  result = monge(folder.path(), "translate run a.npy y.npy --json");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(io::read_npy(folder / "y.npy").min().item<double>(), 0);
  const auto clamped = json::parse(result.out)["clamped"].get<int64_t>();
  EXPECT_GT(clamped, 50);  // of the first column, which lies around 0
  EXPECT_LT(clamped, 400);
  EXPECT_THAT(result.err, HasSubstr(std::to_string(clamped) + " of 1200 values were clamped to the output range"));
  result = monge(folder.path(), "translate run a.npy y.npy --range ..1.75e9 -q");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(io::read_npy(folder / "y.npy").max().item<double>(), 1.75e9);
  EXPECT_LT(io::read_npy(folder / "y.npy").min().item<double>(), 0);
  ASSERT_EQ(monge(folder.path(), "export run --out map.safetensors").code, 0);
  ASSERT_EQ(monge(folder.path(), "translate map.safetensors a.npy y.npy -q").code, 0);
  EXPECT_EQ(io::read_npy(folder / "y.npy").min().item<double>(), 0);
  EXPECT_THAT(monge(folder.path(), "translate run a.npy y.npy --range 1").err, HasSubstr("LOW..HIGH"));
  EXPECT_THAT(monge(folder.path(), "train p.toml --out images --set output.range=0..1").err, HasSubstr("only vectors"));
}

}  // namespace
}  // namespace monge

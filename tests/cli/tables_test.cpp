// The program on tables as people have them: far from 0, in double, with names.
#include <sstream>

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
    a = torch::randn({400, 3}, RandomStreams(1).at("a", 0), torch::kFloat64) * spread +
        torch::tensor({0., 5.8e6, 1.75e9}, torch::kFloat64);
    io::write_npy(folder / "a.npy", a);
    io::write_npy(folder / "b.npy", a + shift);
  }

  torch::Tensor spread = torch::tensor({1., 0.1, 10.}, torch::kFloat64),
                shift = torch::tensor({2., 0.2, 30.}, torch::kFloat64), a;
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
  for (size_t k = 0; k < 3; ++k)
    EXPECT_NEAR(numbers[k], y[0][static_cast<int64_t>(k)].item<double>(),
                3e-6 * spread[static_cast<int64_t>(k)].item<double>());

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
  auto result =
      monge(folder.path(),
            "train far.toml --out run --set data.standardise=off --set train.iterations=20 --set eval.every=20");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("columns that float32 cannot hold"),
                                HasSubstr("source columns 1, 2 (2 of 3); target columns 1, 2 (2 of 3)"),
                                HasSubstr("data.standardise = \"joint\"")));
  const auto summary = json::parse(testing::slurp(folder / "run/summary.json"));
  EXPECT_EQ(summary["lost_columns"], json::parse(R"({"source": [1, 2], "target": [1, 2]})"));
  EXPECT_TRUE(summary["reaches_target"].is_null());
  EXPECT_THAT(summary["verdict"].get<std::string>(),
              AllOf(HasSubstr("cannot be judged: float32 cannot hold"), Not(HasSubstr("reaches"))));
  EXPECT_THAT(result.out, AllOf(HasSubstr("cannot be judged"), Not(HasSubstr("reaches"))));
  result = monge(folder.path(), "eval run --json -q");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(json::parse(result.out)["verdict"].get<std::string>(),
              HasSubstr("cannot be judged: float32 cannot hold"));
  EXPECT_EQ(json::parse(result.out)["lost_columns"].size(), 2u);
  EXPECT_FALSE(fs::exists(folder / "run/best")) << "no metric says which of two such maps is better";
  result = monge(folder.path(), "translate run a.npy y.npy");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("a.npy: the map computes in float32, which cannot hold 2 columns, whose offset is "
                                    "far beyond their spread: 1, 2"));
}

TEST_F(FarTables, AFillValueIsToldAndNoMapIsSaidToReachItsTarget) {
  auto z = torch::randn({400, 2}, RandomStreams(1).at("fill", 0), torch::kFloat64);
  for (int64_t i = 0; i < 400; i += 50) z[i][1] = 1e20;
  std::ofstream out(folder / "f.csv");
  out.precision(17);
  out << "a,b\n";
  for (int64_t i = 0; i < 400; ++i) out << z[i][0].item<double>() << ',' << z[i][1].item<double>() << '\n';
  out.close();
  auto result = monge(folder.path(), "data check f.csv");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("fill values    1\n  \"b\"  one value, 1e+20 (8 rows), is "),
                    HasSubstr("beyond float32 0"), HasSubstr("fit to train on, except the rows with fill values")));
  EXPECT_EQ(monge(folder.path(), "data check f.csv --strict").code, 2);
  const auto checked = json::parse(monge(folder.path(), "data check f.csv --json -q").out);
  EXPECT_EQ(checked["fill_values"], json::parse(R"(["b"])"));
  EXPECT_EQ(checked["column_list"][1]["fill_values"], json::parse(R"([{"value": 1e20, "rows": 8}])"));
  EXPECT_EQ(checked["column_list"][0]["fill_values"], json::array());

  result = monge(folder.path(),
                 "train far.toml --out run --set source.path=f.csv --set target.path=f.csv --set train.iterations=4 "
                 "--set eval.every=4");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("the source's column \"b\": one value, 1e+20 ("),
                                HasSubstr("float32 cannot hold: source columns \"b\" (1 of 2)"),
                                HasSubstr("stretch the scale there"), Not(HasSubstr("lie far apart"))));
  const auto summary = json::parse(testing::slurp(folder / "run/summary.json"));
  EXPECT_EQ(summary["lost_columns"], json::parse(R"({"source": ["b"], "target": ["b"]})"));
  EXPECT_TRUE(summary["reaches_target"].is_null());
  EXPECT_THAT(summary["verdict"].get<std::string>(), HasSubstr("cannot be judged"));
  result = monge(folder.path(), "translate run f.csv y.csv");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err,
              HasSubstr("cannot hold 1 columns, whose spread is far below the scale of the training: \"b\""));
}

// In standard units 3e38 is beyond float32, and the output of such a row is no number.
TEST_F(FarTables, OutputsThatAreNotFiniteAreToldAndNotPraised) {
  ASSERT_EQ(monge(folder.path(), "train far.toml --out run -q --set train.iterations=4 --set eval.every=4").code, 0);
  auto filled = a.clone();
  filled[7] = 3e38;
  io::write_npy(folder / "filled.npy", filled);
  auto result = monge(folder.path(), "translate run filled.npy y.npy --json");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("y.npy: 1 of 400 outputs is not finite; the first is that of row 7 (counted from "
                                    "0); look for fill values in the input"));
  EXPECT_EQ(json::parse(result.out)["not_finite"], 1);
  EXPECT_EQ(json::parse(result.out)["first_not_finite"], "row 7 (counted from 0)");
  EXPECT_EQ(io::read_npy(folder / "y.npy").isfinite().all(1).logical_not().nonzero().item<int64_t>(), 7)
      << "it is written all the same";
  result = monge(folder.path(), "translate run a.npy y.npy --json");
  EXPECT_THAT(result.err, Not(HasSubstr("not finite")));
  EXPECT_EQ(json::parse(result.out)["not_finite"], 0);
  EXPECT_FALSE(json::parse(result.out).contains("first_not_finite"));

  result = monge(folder.path(), "eval run --source filled.npy --target b.npy --json -q");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto metrics = json::parse(result.out);
  for (const char* key : {"target_error", "target_start", "cost", "mse", "reaches_target"}) {
    ASSERT_TRUE(metrics.contains(key)) << key;
    EXPECT_TRUE(metrics[key].is_null()) << key << " " << metrics[key];
  }
  EXPECT_TRUE(metrics["target_floor"].is_number());
  EXPECT_EQ(metrics["verdict"],
            "the map cannot be judged: 1 of 400 outputs is not finite; the first is that of row 7 (counted from 0); "
            "look for fill values in the input");
  EXPECT_THAT(monge(folder.path(), "eval run --source filled.npy --target b.npy -q").out,
              AllOf(HasSubstr("target error   nan"), Not(HasSubstr("reaches"))));

  // The same number of rows with other values.
  EXPECT_THAT(monge(folder.path(), "resume run --set train.iterations=6").err, Not(HasSubstr("other values")));
  io::write_npy(folder / "a.npy", a + 1e-3);
  result = monge(folder.path(), "resume run --set train.iterations=8");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("source: "), HasSubstr("a.npy holds other values than when the checkpoint was saved"),
                    Not(HasSubstr("b.npy holds"))));
}

TEST_F(FarTables, OneScaleKeepsTheProblem) {
  const auto result =
      monge(folder.path(),
            "train far.toml --out run --set data.standardise=scale --set train.iterations=4 --set eval.every=4");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("data.standardise = scale: measured on all 360 rows of the source"));
  EXPECT_EQ(monge(folder.path(), "translate run a.npy y.npy -q").code, 0);
  const auto resumed = monge(folder.path(), "resume run --set train.iterations=6");
  EXPECT_EQ(resumed.code, 0) << resumed.err;
}

TEST_F(FarTables, OutputsStayInTheirRange) {
  auto result = monge(folder.path(),
                      "train far.toml --out run --set output.range=0.. --set train.iterations=4 --set eval.every=4");
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
  for (const char* how : {"--out images", "--dry-run"}) {
    EXPECT_THAT(monge(folder.path(), std::string("train p.toml --set output.range=0..1 ") + how).err,
                HasSubstr("only vectors"));
  }
}

/// Tables of text with names: cells by three measurements.
class NamedTables : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    const auto z = torch::randn({60, 3}, RandomStreams(2).at("z", 0), torch::kFloat64);
    write("a.csv", {"x", "y", "z"}, z, {0, 1, 2});
    write("b.csv", {"x", "y", "z"}, z + 1, {0, 1, 2});
    write("turned.csv", {"x", "y", "z"}, z, {2, 0, 1});
    write("b_turned.csv", {"x", "y", "z"}, z + 1, {1, 2, 0});
    write("more.csv", {"x", "y", "z", "note"}, torch::cat({z, z.narrow(1, 0, 1)}, 1), {0, 3, 1, 2});
    write("other.csv", {"x", "Y", "z"}, z, {0, 1, 2});
  }

  /// The columns in the order given, with a name before each row.
  void write(const char* file, const std::vector<std::string>& names, const torch::Tensor& values,
             const std::vector<int64_t>& order) const {
    std::ofstream out(folder / file);
    out.precision(17);
    out << "cell";
    for (const int64_t k : order) out << ',' << names[static_cast<size_t>(k)];
    for (int64_t i = 0; i < values.size(0); ++i) {
      out << "\nr" << i;
      for (const int64_t k : order) out << ',' << values[i][k].item<double>();
    }
    out << "\n";
  }

  std::string train(const std::string& source, const std::string& target, const std::string& out) const {
    const auto result =
        monge(folder.path(), "train v.toml --out " + out + " --set method=strong --set source.path=" + source +
                                 " --set target.path=" + target + " --set data.standardise=joint");
    EXPECT_EQ(result.code, 0) << result.err;
    return result.err;
  }
  std::string translate(const std::string& in, const std::string& out, const std::string& with = "") const {
    const auto result = monge(folder.path(), "translate run '" + in + "' " + out + with);
    EXPECT_EQ(result.code, 0) << result.err;
    return result.err;
  }
};

TEST_F(NamedTables, InAnotherOrderGiveTheSameOutputs) {
  train("a.csv", "b.csv", "run");
  EXPECT_THAT(translate("a.csv", "y.csv"), Not(HasSubstr("order")));
  const auto y = testing::slurp(folder / "y.csv");
  EXPECT_TRUE(y.starts_with("cell,x,y,z\nr0,")) << y.substr(0, 60);
  EXPECT_EQ(std::count(y.begin(), y.end(), '\n'), 61);

  EXPECT_THAT(translate("turned.csv", "t.csv"), HasSubstr("its columns are in a different order than those of the "
                                                          "training and are matched by name: \"x\", \"y\", \"z\""));
  EXPECT_EQ(testing::slurp(folder / "t.csv"), y);
  EXPECT_THAT(translate("more.csv", "m.csv"), HasSubstr("1 of its 4 columns are not used: \"note\""));
  EXPECT_EQ(testing::slurp(folder / "m.csv"), y);
  translate("more.csv?columns=z,y,x", "c.csv");
  EXPECT_EQ(testing::slurp(folder / "c.csv"), y);
  auto result = monge(folder.path(), "translate run other.csv o.csv");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("other.csv: IN lacks 1 of the 3 columns of the training: \"y\""),
                                HasSubstr("got \"x\", \"Y\", \"z\"")));
  EXPECT_FALSE(fs::exists(folder / "o.csv") || fs::exists(folder / "o.csv.part"));

  // The output is a table of the same columns again, for an evaluation or another translation.
  EXPECT_THAT(translate("y.csv", "again.csv"), Not(HasSubstr("order")));
  ASSERT_EQ(monge(folder.path(), "export run --out map.safetensors").code, 0);
  ASSERT_EQ(monge(folder.path(), "translate map.safetensors turned.csv e.csv -q").code, 0);
  EXPECT_EQ(testing::slurp(folder / "e.csv"), y);

  const auto straight = monge(folder.path(), "eval run --source a.csv --target b.csv --json -q"),
             turned = monge(folder.path(), "eval run --source turned.csv --target b_turned.csv --json");
  ASSERT_EQ(turned.code, 0) << turned.err;
  EXPECT_EQ(json::parse(straight.out)["target_error"], json::parse(turned.out)["target_error"]);
  EXPECT_THAT(turned.err, AllOf(HasSubstr("the source: turned.csv: its columns are in a different order"),
                                HasSubstr("the target: b_turned.csv")));
  result = monge(folder.path(), "eval run --source other.csv --target b.csv");
  EXPECT_THAT(result.err, HasSubstr("the source lacks 1 of the 3 columns of the training: \"y\""));
}

TEST_F(NamedTables, RowNamesGoWithTheirOutputs) {
  const auto result =
      monge(folder.path(),
            "train v.toml --out run --set source.path=a.csv --set target.path=b.csv");  // method weak: several outputs
  ASSERT_EQ(result.code, 0) << result.err;
  translate("turned.csv", "y.tsv", " --samples 2");
  const auto y = testing::slurp(folder / "y.tsv");
  EXPECT_TRUE(y.starts_with("cell\tx\ty\tz\nr0\t")) << y.substr(0, 60);
  EXPECT_THAT(y, AllOf(HasSubstr("\nr0\t"), HasSubstr("\nr59\t")));
  EXPECT_EQ(std::count(y.begin(), y.end(), '\n'), 121);
  translate("a.csv", "y.npy");
  EXPECT_EQ(io::read_npy(folder / "y.npy").sizes(), torch::IntArrayRef({60, 3}));
  translate("a.csv", "packed.csv.gz");
  EXPECT_TRUE(testing::slurp(folder / "packed.csv.gz").starts_with("\x1f\x8b"));
  translate("packed.csv.gz", "unpacked.csv");  // and it reads it back
  EXPECT_TRUE(testing::slurp(folder / "unpacked.csv").starts_with("cell,x,y,z\nr0,"));
}

TEST_F(NamedTables, TheTargetOfATrainingFollowsItsSource) {
  const auto straight = train("a.csv", "b.csv", "run");
  EXPECT_THAT(train("a.csv", "b_turned.csv", "turned"), HasSubstr("the target: b_turned.csv"));
  for (const char* model : {"run", "turned"}) {
    ASSERT_EQ(monge(folder.path(), std::string("translate ") + model + " a.csv of_" + model + ".csv -q").code, 0);
  }
  EXPECT_EQ(testing::slurp(folder / "of_run.csv"), testing::slurp(folder / "of_turned.csv"));
  EXPECT_THAT(
      train("a.csv", "other.csv", "pairs"),
      HasSubstr("source and target name 1 of 3 columns differently; they are compared by position: \"y\" with \"Y\""));
  ASSERT_EQ(monge(folder.path(), "translate pairs a.csv p.csv -q").code, 0);
  EXPECT_TRUE(testing::slurp(folder / "p.csv").starts_with("cell,x,Y,z\n"))
      << "outputs live in the space of the target";
  const auto result =
      monge(folder.path(), "train v.toml --out wide --set source.path=more.csv --set target.path=b.csv");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("the source has 4 columns and the target 3"), HasSubstr("only in the source: \"note\"")));

  // A resumed run takes the data by the names of its checkpoint.
  const auto resumed =
      monge(folder.path(),
            "resume run --set train.iterations=14 --set source.path=turned.csv --set target.path=b_turned.csv");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, AllOf(HasSubstr("/turned.csv[kept]: its columns are in a different order"),
                                 HasSubstr("/b_turned.csv[kept]: its columns are in a different order")));
  ASSERT_EQ(monge(folder.path(), "resume turned --set train.iterations=14 -q").code, 0);
  for (const char* model : {"run", "turned"}) {
    ASSERT_EQ(monge(folder.path(), std::string("translate ") + model + " a.csv of_" + model + ".csv -q").code, 0);
  }
  EXPECT_EQ(testing::slurp(folder / "of_run.csv"), testing::slurp(folder / "of_turned.csv"));
}

TEST_F(NamedTables, OneSideWithNamesNamesBoth) {
  io::write_npy(folder / "a.npy", torch::randn({60, 3}, RandomStreams(2).at("z", 0), torch::kFloat64));
  train("a.npy", "b.csv", "run");
  translate("a.csv", "y.csv");
  EXPECT_TRUE(testing::slurp(folder / "y.csv").starts_with("cell,x,y,z\n"));
  EXPECT_THAT(translate("turned.csv", "t.csv"), HasSubstr("matched by name"));
  EXPECT_EQ(testing::slurp(folder / "t.csv"), testing::slurp(folder / "y.csv"));
  EXPECT_THAT(monge(folder.path(), "translate run other.csv o.csv").err,
              HasSubstr("lacks 1 of the 3 columns of the training: \"y\""));
}

TEST_F(NamedTables, WithoutNamesThePositionCountsAndTheOutputIsPlain) {
  train("a.csv", "b.csv", "run");
  std::ofstream(folder / "plain.csv") << "0.5,1,2\n-1,2,3\n";
  translate("plain.csv", "y.csv");
  EXPECT_TRUE(testing::slurp(folder / "y.csv").starts_with("x,y,z\n")) << "the model knows the names of what it gives";
  io::write_npy(folder / "p.npy", torch::rand({40, 2}));
  ASSERT_EQ(monge(folder.path(), "train v.toml --out nameless -q --set source.path=p.npy --set target.path=p.npy").code,
            0);
  std::ofstream(folder / "bare.csv") << "0.5,1\n-1,2\n";
  std::ofstream(folder / "named.csv") << "u,v\n0.5,1\n-1,2\n";
  ASSERT_EQ(monge(folder.path(), "translate nameless bare.csv y.csv -q").code, 0);
  const auto bare = testing::slurp(folder / "y.csv");
  EXPECT_EQ(std::count(bare.begin(), bare.end(), '\n'), 2);
  ASSERT_EQ(monge(folder.path(), "translate nameless named.csv y.csv -q").code, 0);
  EXPECT_EQ(testing::slurp(folder / "y.csv"), "u,v\n" + bare);
}

}  // namespace
}  // namespace monge

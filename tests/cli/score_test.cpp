// monge truth --write and monge score from outside.
#include <torch/types.h>

#include "monge/core/random.h"
#include "monge/io/npy.h"
#include "tests/cli/fixture.h"

namespace monge {
namespace {

TEST(CliScore, ScoresWhatAnotherProgramMakesOfTheWrittenInputs) {
  testing::ScratchFolder folder;
  const auto wrote = monge(folder.path(), "truth gaussian --dim 3 --write c --points 400 --seed 7 --json");
  ASSERT_EQ(wrote.code, 0) << wrote.err;
  const auto written = json::parse(wrote.out);
  EXPECT_EQ(written["case"], "gaussian");
  EXPECT_EQ(written["dim"], 3);
  EXPECT_EQ(written["seed"], 7);
  EXPECT_EQ(written["truth"], "map");
  io::write_npy(folder / "y.npy", io::read_npy(folder / "c/truth.npy"));
  const auto table = monge(folder.path(), "score c --outputs y.npy -q");
  ASSERT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, AllOf(HasSubstr("L2-UVP"), HasSubstr(", floor "), HasSubstr("the map reaches its target")));
  EXPECT_EQ(table.err, "");
  const auto other = monge(folder.path(), "score gaussian --dim 3 --seed 7 --outputs y.npy --json -q --threads 1");
  ASSERT_EQ(other.code, 0) << other.err;
  const auto row = json::parse(other.out);
  for (const char* key : {"l2_uvp", "cosine", "cost", "least_cost", "cost_error", "target_error", "target_floor",
                          "target_collapse", "energy_error", "energy_floor", "energy_start", "verdict"}) {
    EXPECT_TRUE(row.contains(key)) << key;
  }
  EXPECT_EQ(row["reaches_target"], true);
  EXPECT_LT(row["l2_uvp"], 1e-9);
  EXPECT_TRUE(row["plan_variance"].is_null());
}

TEST(CliScore, ScoresAnInterpolation) {
  testing::ScratchFolder folder;
  for (const auto& [name, mean] : {std::pair{"a.npy", 0.0}, {"b.npy", 4.0}, {"m.npy", 2.0}}) {
    io::write_npy(folder / name, torch::randn({100, 2}, RandomStreams(2).at(name, 0)) + mean);
  }
  const std::string line = "score interpolation --start a.npy --end b.npy --between m.npy --outputs m.npy";
  const auto table = monge(folder.path(), line);
  ASSERT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, AllOf(HasSubstr("energy"), HasSubstr("\nplan "), HasSubstr("\nfloor ")));
  const auto row = json::parse(monge(folder.path(), line + " --json --t 0.25 --plan-points 20").out);
  EXPECT_EQ(row["plan_points"], 20);
  EXPECT_EQ(row["t"], 0.25);
  EXPECT_GT(row["start"]["energy"], row["outputs"]["energy"]);
}

TEST(CliScore, RefusesWhatCannotBe) {
  testing::ScratchFolder folder;
  io::write_npy(folder / "y.npy", torch::zeros({4, 2}));
  const auto refused = [&](const std::string& arguments) {
    const auto result = monge(folder.path(), arguments);
    EXPECT_EQ(result.code, 2) << arguments;
    EXPECT_EQ(result.out, "") << arguments;
    return result.err;
  };
  EXPECT_THAT(refused("score"), AllOf(HasSubstr("CASE"), HasSubstr("--outputs")));
  EXPECT_THAT(refused("score gausian --outputs y.npy"), HasSubstr("did you mean \"gaussian\""));
  EXPECT_THAT(refused("score w2bench --outputs y.npy"), HasSubstr("--pair"));
  EXPECT_THAT(refused("score line --outputs y.npy"), AllOf(HasSubstr("[4, 2]"), HasSubstr("[N, 1]")));
  EXPECT_THAT(refused("score interpolation --outputs y.npy"), HasSubstr("--start"));
  EXPECT_THAT(refused("truth gaussian line --write c"), HasSubstr("one CASE"));
  EXPECT_THAT(refused("truth gaussian --write c --quick"), AllOf(HasSubstr("--write"), HasSubstr("--quick")));
  EXPECT_THAT(refused("truth gaussian --points 5"), HasSubstr("--write"));
}

}  // namespace
}  // namespace monge

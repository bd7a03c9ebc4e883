#include "monge/session/score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/io/npy.h"
#include "monge/session/interpolation_score.h"
#include "tests/support/support.h"

namespace monge::session {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::ScratchFolder;

/// Hooks that keep the warnings.
Hooks keeping_warnings(std::vector<std::string>& warnings) {
  Hooks hooks;
  hooks.log = [&warnings](LogLevel level, const std::string& line) {
    if (level == LogLevel::warning) warnings.push_back(line);
  };
  return hooks;
}

/// The samples of a case in folder/c, of 300 points.
std::string written(const ScratchFolder& folder, const std::string& name) {
  write_truth_case(name, {}, 300, 4, folder / "c");
  return (folder / "c").string();
}

TEST(Score, OfTheWrittenTruthIsPerfectByFolderInputsAndSeed) {
  ScratchFolder folder;
  const auto c = written(folder, "gaussian");
  std::vector<std::string> warnings;
  for (ScoreOptions options : {ScoreOptions{.name = c}, ScoreOptions{.name = "gaussian", .inputs = c + "/inputs.npy"},
                               ScoreOptions{.name = "gaussian", .seed = 4}}) {
    options.outputs = c + "/truth.npy";
    const auto result = score(options, {}, keeping_warnings(warnings));
    EXPECT_EQ(result.name, "gaussian");
    EXPECT_LT(result.score.l2_uvp, 1e-9) << result.inputs;
    EXPECT_EQ(result.score.verdict(), "reaches its target");
  }
  EXPECT_THAT(warnings, IsEmpty());
  const auto other =
      score({.name = "gaussian", .outputs = c + "/truth.npy", .seed = 5}, {}, keeping_warnings(warnings));
  EXPECT_GT(other.score.l2_uvp, 100) << "outputs of other inputs";
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("the output of input i")));
}

TEST(Score, OfAnInverseMapTakesTheWrittenTruthAsInputs) {
  ScratchFolder folder;
  const auto c = written(folder, "line");
  const auto result = score({.name = c, .outputs = c + "/inputs.npy", .inverse = true});
  EXPECT_EQ(result.score.l2_uvp, 0);
  EXPECT_THAT(result.inputs, HasSubstr("truth.npy"));
  EXPECT_THAT(message_of([&] {
                score({.name = "line", .outputs = c + "/inputs.npy", .inputs = c + "/truth.npy", .inverse = true});
              }),
              AllOf(HasSubstr("--inputs"), HasSubstr("leave --inputs out")));
}

TEST(Score, TakesAPairAndSeveralSamplesPerInput) {
  ScratchFolder folder;
  const auto pair = (testing::fixtures_folder() / "w2bench/3.safetensors").string();
  write_truth_case("w2bench", {.pair = pair}, 200, 0, folder / "c");
  const auto truth = io::read_npy(folder / "c/truth.npy");
  io::write_npy(folder / "y.npy", torch::stack({truth + 0.125, truth - 0.125}, 1));
  for (const auto& name : {pair, (folder / "c").string()}) {
    const auto result = score({.name = name, .outputs = (folder / "y.npy").string()});
    EXPECT_EQ(result.name, "w2bench");
    EXPECT_EQ(result.dim, 3);
    EXPECT_EQ(result.score.samples_per_input, 2);
    EXPECT_LT(result.score.l2_uvp, 1e-6);
    EXPECT_NEAR(result.score.plan_variance, 2 * 0.125 * 0.125, 1e-6);
  }
}

TEST(Score, WarnsOfWhatMisleads) {
  ScratchFolder folder;
  std::vector<std::string> warnings;
  const auto x = torch::rand({60, 2}, RandomStreams(0).at("x", 0)) * 0.1;
  io::write_npy(folder / "x.npy", x);
  io::write_npy(folder / "y.npy", x / 0.8);
  score({.name = "weak-gaussian", .outputs = (folder / "y.npy").string(), .inputs = (folder / "x.npy").string()}, {},
        keeping_warnings(warnings));
  EXPECT_THAT(warnings, Contains(HasSubstr("no samples of the source")));
  EXPECT_THAT(warnings, Contains(HasSubstr("only 60 outputs")));
  EXPECT_THAT(warnings, Contains(HasSubstr("give [N, K, D]")));
}

TEST(Score, RefusesWhatDoesNotFit) {
  ScratchFolder folder;
  const auto c = written(folder, "gaussian");
  const auto file = [&](const char* name, const torch::Tensor& values) {
    io::write_npy(folder / name, values);
    return (folder / name).string();
  };
  const auto message = [&](const ScoreOptions& options) { return message_of([&] { score(options); }); };
  auto holed = torch::zeros({300, 2});
  holed[17][1] = NAN;
  EXPECT_THAT(message({.name = c, .outputs = file("nan.npy", holed)}),
              AllOf(HasSubstr("1 of 300 rows"), HasSubstr("nan.npy"), HasSubstr("row 17")));
  EXPECT_THAT(message({.name = c, .outputs = file("wide.npy", torch::zeros({300, 3}))}),
              AllOf(HasSubstr("dimension 2"), HasSubstr("wide.npy"), HasSubstr("[300, 3]"), HasSubstr("[N, 2]")));
  EXPECT_THAT(message({.name = c, .outputs = file("few.npy", torch::zeros({299, 2}))}),
              AllOf(HasSubstr("299 rows"), HasSubstr("300, as in")));
  EXPECT_THAT(message({.name = c, .outputs = file("deep.npy", torch::zeros({300, 1, 1, 2}))}), HasSubstr("[N, K, D]"));
  EXPECT_THAT(message({.name = c, .outputs = "none.npy"}),
              AllOf(HasSubstr("no such file"), HasSubstr("--outputs none")));
  EXPECT_THAT(message({.name = c, .outputs = c + "/truth.npy", .dim = 3}), AllOf(HasSubstr("--dim 3"), HasSubstr("2")));
  EXPECT_THAT(message({.name = "gausian", .outputs = c + "/truth.npy"}),
              AllOf(HasSubstr("gausian"), HasSubstr("did you mean \"gaussian\"")));
  EXPECT_THAT(message({.name = "interpolatoin", .outputs = "y.npy"}), HasSubstr("did you mean \"interpolation\""));
  EXPECT_THAT(message({.name = folder.path().string(), .outputs = "y.npy"}), HasSubstr("holds no case.json"));
  EXPECT_THAT(message({.name = "none.safetensors", .outputs = "y.npy"}), HasSubstr("none.safetensors"));
  io::write_npy(folder / "c/truth.npy", torch::ones({300, 2}));
  EXPECT_THAT(message({.name = c, .outputs = c + "/truth.npy"}), HasSubstr("not the optimal output"));
  std::ofstream(folder / "c/case.json") << "{}";
  EXPECT_THAT(message({.name = c, .outputs = c + "/truth.npy"}), HasSubstr("does not name a case"));
}

TEST(WriteTruthCase, ReplacesACaseAndNothingElse) {
  ScratchFolder folder;
  const auto c = written(folder, "gaussian");
  written(folder, "one-to-many");
  EXPECT_FALSE(std::filesystem::exists(folder / "c/truth.npy")) << "that of the case before";
  EXPECT_FALSE(torch::equal(io::read_npy(folder / "c/inputs.npy"), io::read_npy(folder / "c/target.npy")));
  std::filesystem::remove(folder / "c/case.json");
  EXPECT_THAT(message_of([&] { written(folder, "gaussian"); }), AllOf(HasSubstr("inputs.npy"), HasSubstr("another")));
  EXPECT_THAT(message_of([&] { write_truth_case("gaussian", {}, 1, 0, folder / "d"); }), HasSubstr("--points 1"));
}

class Interpolation : public ::testing::Test {
 protected:
  void SetUp() override {
    const RandomStreams streams(2);
    for (const auto& [name, mean] : {std::pair{"a.npy", 0.0}, {"b.npy", 4.0}, {"m.npy", 2.0}, {"y.npy", 2.0}}) {
      io::write_npy(folder / name, torch::randn({400, 3}, streams.at(name, 0)) + mean);
    }
    options = {.start = (folder / "a.npy").string(),
               .end = (folder / "b.npy").string(),
               .between = (folder / "m.npy").string(),
               .outputs = (folder / "y.npy").string()};
  }

  ScratchFolder folder;
  InterpolationOptions options;
};

TEST_F(Interpolation, StandsBesideItsBaselinesAndTheFloor) {
  const auto score = score_interpolation(options);
  std::vector<std::string> names;
  for (const auto& row : score.rows) names.push_back(row.first);
  EXPECT_THAT(names, ElementsAre("outputs", "start", "end", "plan", "floor"));
  EXPECT_EQ(score.plan_points, 200);
  EXPECT_EQ(score.midpoints, 400);
  const auto& outputs = score.rows[0].second;
  const auto &start = score.rows[1].second, &end = score.rows[2].second, &plan = score.rows[3].second;
  EXPECT_LT(std::abs(outputs.energy), 0.02);
  EXPECT_LT(std::abs(plan.energy), 0.02);
  EXPECT_GT(start.energy, 1);
  EXPECT_GT(end.energy, 1);
  EXPECT_NEAR(start.w2, std::sqrt(12.0), 0.3);
  EXPECT_GT(start.mmd_squared, 10 * std::abs(outputs.mmd_squared));
  // At t = 0 the plan gives the samples of the start.
  options.t = 0;
  EXPECT_NEAR(score_interpolation(options).rows[3].second.energy, start.energy, 1e-9);
}

TEST_F(Interpolation, MatchesColumnsByName) {
  const auto write = [&](const char* name, const char* header, bool swapped) {
    std::ofstream out(folder / name);
    out << header << "\n";
    for (int i = 0; i < 50; ++i) {
      const double u = std::sin(i), v = 10 + std::cos(3 * i);
      out << (swapped ? v : u) << "," << (swapped ? u : v) << "\n";
    }
    return (folder / name).string();
  };
  options.start = options.end = options.outputs = write("y.csv", "v,u", true);
  options.between = write("m.csv", "u,v", false);
  EXPECT_LT(score_interpolation(options).rows[0].second.energy, 0.05);
}

TEST_F(Interpolation, RefusesWhatDoesNotFit) {
  io::write_npy(folder / "wide.npy", torch::zeros({9, 4}));
  options.outputs = (folder / "wide.npy").string();
  EXPECT_THAT(message_of([&] { score_interpolation(options); }),
              AllOf(HasSubstr("--outputs"), HasSubstr("wide.npy"), HasSubstr("4"), HasSubstr("3, as in --between")));
  io::write_npy(folder / "few.npy", torch::zeros({2, 3}));
  options.outputs = (folder / "few.npy").string();
  EXPECT_THAT(message_of([&] { score_interpolation(options); }), AllOf(HasSubstr("too few"), HasSubstr("few.npy")));
  options.outputs = "toy:moons";
  EXPECT_THAT(message_of([&] { score_interpolation(options); }), HasSubstr("endless"));
  options.t = 2;
  EXPECT_THAT(message_of([&] { score_interpolation(options); }), HasSubstr("--t 2"));
}

}  // namespace
}  // namespace monge::session

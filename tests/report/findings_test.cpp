#include "monge/report/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/report/run_files.h"
#include "tests/support/support.h"

namespace monge::report {
namespace {

using monge::testing::data_json;
using monge::testing::evaluation_line;
using monge::testing::ScratchFolder;
using monge::testing::write_run;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// The findings of a run with these files and this recipe.
Findings findings_with(const monge::testing::RunFiles& files, train::Recipe recipe = {}) {
  const ScratchFolder folder;
  write_run(folder / "run", std::move(recipe), files);
  return findings_of(read_run(folder / "run"));
}

train::Recipe recipe_from_photos() {
  train::Recipe recipe;
  recipe.source.path = "/home/someone/photos";
  recipe.target.path = "../anime.zip?where=a";
  recipe.train.iterations = 300;
  return recipe;
}

TEST(Findings, SayWhatWasLearnedFromWhat) {
  const auto found = findings_with({.data = data_json("[3, 64, 48]")}, recipe_from_photos());
  EXPECT_THAT(found.learned, AllOf(HasSubstr("transport map (one output per input) from photos to anime.zip"),
                                   HasSubstr("images of 48 x 64 pixels"),
                                   HasSubstr("1,000 source and 1,000 target samples"), HasSubstr("by method strong")));
  auto weak = recipe_from_photos();
  weak.method = "weak";
  EXPECT_THAT(findings_with({}, weak).learned, HasSubstr("transport plan (several outputs per input)"));
  EXPECT_THAT(found.progress, HasSubstr("Stopped before its end: 0 of 300 iterations"));
  EXPECT_EQ(found.verdict, "The map was not evaluated yet");
  EXPECT_EQ(found.grade, Grade::unknown);
}

TEST(Findings, PraiseAMapThatReachesItsTarget) {
  const auto found = findings_with({.metrics = evaluation_line(300, 0.011, ",\"mse\":0.25,\"diversity\":0.1"),
                                    .summary = "{\"complete\": true}",
                                    .data = data_json("[4]")},
                                   recipe_from_photos());
  EXPECT_EQ(found.grade, Grade::good);
  EXPECT_EQ(found.verdict, "The map reaches its target");
  EXPECT_THAT(found.measured,
              AllOf(HasSubstr("Target error 0.011, where two sets of target samples differ by 0.01 (the floor"),
                    HasSubstr("1.1 times the floor")));
  ASSERT_TRUE(found.way.has_value());
  EXPECT_NEAR(*found.way, 0.999, 1e-3);
  EXPECT_THAT(found.progress, HasSubstr("Complete: 300 of 300 iterations in 5 min 00 s"));
  EXPECT_THAT(found.facts, Contains(AllOf(Field(&Fact::label, "Inputs move by"), Field(&Fact::value, "1"))));
  EXPECT_THAT(found.facts, Contains(Field(&Fact::label, "Outputs of one input differ by")));
  EXPECT_THAT(found.warnings, IsEmpty());
}

/// metrics.jsonl with these errors, one evaluation each.
std::string evaluations(const std::vector<double>& errors) {
  std::string out;
  for (size_t i = 0; i < errors.size(); ++i) out += evaluation_line(static_cast<int>(i) + 1, errors[i]);
  return out;
}

TEST(Findings, TellWhetherToTrainLongerOrToChangeTheMethod) {
  const auto advice = [](const std::vector<double>& errors) {
    const auto found = findings_with({.metrics = evaluations(errors)});
    EXPECT_EQ(found.grade, Grade::bad);
    return found.warnings.empty() ? "" : found.warnings[0];
  };
  EXPECT_THAT(advice({.9, .8, .7, .62, .55, .48, .42, .37}),
              HasSubstr("still falls: train longer, for example with train.iterations = "));
  EXPECT_THAT(
      advice({.9, .5, .4, .41, .4, .4, .41, .4}),
      HasSubstr("may be spurious, a balance of map and potential that misses the target; try method = \"otp\""));
  EXPECT_THAT(advice({.9, .3, .8, .2, .9, .25, .7, .3}),
              HasSubstr("jumps from evaluation to evaluation: lower the learning rates"));
  EXPECT_THAT(advice({.9, .5, .4}), HasSubstr("too few evaluations to say"));
}

TEST(Findings, CountSkippedUpdatesOverTheRun) {
  std::string metrics;
  for (int i = 1; i <= 50; ++i)
    metrics += "{\"iteration\":" + std::to_string(i) + ",\"skipped\":" + (i < 50 ? "2" : "0") + "}\n";
  EXPECT_THAT(findings_with({.metrics = metrics + evaluation_line(50, 0.011)}).warnings,
              Contains(HasSubstr("98 updates were skipped")));
  EXPECT_THAT(findings_with({.metrics = "{\"iteration\":1,\"skipped\":0}\n" + evaluation_line(1, 0.011)}).warnings,
              IsEmpty());
}

TEST(Findings, SayNothingOfWhatWasNotMeasured) {
  auto weak = recipe_from_photos();
  weak.method = "weak";
  const auto found = findings_with({.metrics = "{\"iteration\":1,\"eval\":{\"target_error\":null,\"diversity\":null},"
                                               "\"verdict\":\"cannot be judged: 2 outputs are beyond 1e19\"}\n"},
                                   weak);
  EXPECT_THAT(found.facts, ::testing::Not(Contains(Field(&Fact::note, "the map is deterministic"))));
  EXPECT_THAT(found.warnings, IsEmpty());
  EXPECT_EQ(found.grade, Grade::unknown);
}

TEST(Findings, KnowThatAnEndedScheduleCannotBeContinued) {
  const auto found =
      findings_with({.metrics = "{\"iteration\":1,\"rate_map\":1e-3}\n{\"iteration\":2,\"rate_map\":1e-6}\n" +
                                evaluation_line(2, 0.5)});
  EXPECT_THAT(found.warnings, Contains(HasSubstr("begin a new one with more iterations")));
  auto recipe = recipe_from_photos();
  recipe.train.lr_map = 0.02;
  EXPECT_THAT(findings_with({.metrics = evaluation_line(2, 0.5)}, recipe).warnings,
              Contains(HasSubstr("0.02, is 100 times its default: lower train.lr_map")));
}

TEST(Findings, WarnOfWhatAPersonWouldOverlook) {
  const auto worse = findings_with({.metrics = evaluation_line(10, 0.011) + evaluation_line(20, 0.015)});
  EXPECT_THAT(
      worse.warnings,
      ElementsAre(HasSubstr("The last iteration is worse than the best, 10: target_error 0.015 against 0.011")));
  const auto grain = findings_with({.metrics = evaluation_line(10, 0.011, ",\"texture_luma\":1.8")});
  EXPECT_THAT(grain.warnings, ElementsAre(HasSubstr("texture_luma 1.8 (grain)")));
  const auto ignored = findings_with({.metrics = evaluation_line(10, 0.011, ",\"mse\":0.25,\"diversity\":0.001")});
  EXPECT_THAT(ignored.warnings, ElementsAre(HasSubstr("ignores its noise")));
  const auto data = findings_with({.metrics = evaluation_line(10, 0.011) + "torn\n",
                                   .summary = "{\"complete\": true, \"data_wait\": 0.42}",
                                   .data = data_json("[2]", 3)});
  EXPECT_THAT(data.warnings,
              ElementsAre(HasSubstr("3 items of the source"), HasSubstr("3 items of the target"),
                          HasSubstr("waited for data for 42 %"), HasSubstr("1 line(s) of metrics.jsonl")));
}

TEST(Findings, GroupDigitsAndShortenPaths) {
  EXPECT_EQ(percent(0.86995), "87 %");
  EXPECT_EQ(percent(0.9999), "99.9 %");
  EXPECT_EQ(percent(1), "100 %");
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(-999), "-999");
  EXPECT_EQ(grouped(-1000), "-1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(short_name("/a/b/c.csv?x=1/2"), "c.csv");
  EXPECT_EQ(short_name("/a/b/"), "b");
  EXPECT_EQ(short_name("toy:moons"), "toy:moons");
}

}  // namespace
}  // namespace monge::report

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
  EXPECT_THAT(found.measured, HasSubstr("Target error 0.011; a perfect map has about 0.01 (floor)"));
  ASSERT_TRUE(found.way.has_value());
  EXPECT_NEAR(*found.way, 0.999, 1e-3);
  EXPECT_THAT(found.progress, HasSubstr("Complete: 300 of 300 iterations in 5 min 00 s"));
  EXPECT_THAT(found.facts, Contains(AllOf(Field(&Fact::label, "Inputs move by"), Field(&Fact::value, "1"))));
  EXPECT_THAT(found.facts, Contains(Field(&Fact::label, "Outputs of one input differ by")));
  EXPECT_THAT(found.warnings, IsEmpty());
}

TEST(Findings, TellWhetherToTrainLongerOrToChangeTheMethod) {
  std::string falling, stuck;
  for (int i = 1; i <= 9; ++i) {
    falling += evaluation_line(i, 1.0 / i);
    stuck += evaluation_line(i, 0.4);
  }
  const auto grows = findings_with({.metrics = falling}), stays = findings_with({.metrics = stuck});
  EXPECT_EQ(grows.grade, Grade::bad);
  EXPECT_THAT(grows.warnings, ElementsAre(HasSubstr("still falls: train longer")));
  EXPECT_THAT(stays.warnings, ElementsAre(HasSubstr("may be spurious: try method = \"otp\"")));
}

TEST(Findings, WarnOfWhatAPersonWouldOverlook) {
  const auto worse = findings_with({.metrics = evaluation_line(10, 0.011) + evaluation_line(20, 0.015)});
  EXPECT_THAT(worse.warnings, ElementsAre(HasSubstr("worse than the best, 10: target_error 0.015 against 0.011")));
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

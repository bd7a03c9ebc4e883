#include "monge/train/resume_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/support.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;

TEST(ResumeChanges, OnlyWhatKeepsTheProblemMayChange) {
  EXPECT_NO_THROW(require_changeable(
      {"train.lr_map=1e-4", " train.clip = 1", "train.iterations=20", "checkpoint.keep=5", "samples.every=3"}));
  for (const char* assignment : {"method=weak", "map.width=3", "train.batch=3", "train.seed=1", "train.init=run",
                                 "weak.gamma1=1", "train.k_t=2"}) {
    EXPECT_THAT(message_of([&] { require_changeable({"train.clip=1", assignment}); }),
                AllOf(HasSubstr(std::string("assignment ") + assignment), HasSubstr("train.lr_map"),
                      HasSubstr("checkpoint.*"), HasSubstr("train.init")))
        << assignment;
  }
}

// The check follows Option::on_resume.
TEST(ResumeChanges, FollowTheOptions) {
  Recipe recipe;
  const auto table = recipe.options();
  for (const auto& option : table.options()) {
    const std::vector<std::string> assignments{option.key + "=1"};
    if (option.on_resume == OnResume::fixed) {
      EXPECT_THAT(message_of([&] { require_changeable(assignments); }), HasSubstr(option.key));
      EXPECT_NE(option.fixed_because, "") << option.key << " does not say why";
    } else {
      EXPECT_NO_THROW(require_changeable(assignments)) << option.key;
    }
  }
  EXPECT_THAT(changeable(), AllOf(Contains("checkpoint.*"), Contains("samples.*"), Contains("output.*"),
                                  Contains("train.lr_map"), Not(Contains("train.k_t"))));
}

TEST(ResumeChanges, TellOfKeysThatAreInTheUpdates) {
  Recipe before, after;
  after.train.lr_map = 1e-4;
  before.potential.r1 = 0;
  after.potential.r1 = 0.5;
  after.eval.every = 7;
  EXPECT_THAT(
      changes_of_updates(before, after, 500),
      ElementsAre(
          "potential.r1 0.0 -> 0.5 from iteration 501 on; from there the run differs from one without this change",
          "train.lr_map 2e-04 -> 1e-04 from iteration 501 on; from there the run differs from one without this "
          "change"));
  EXPECT_THAT(changes_of_updates(before, before, 500), ElementsAre());
}

// At half its length the cosine is 1/2. With twice the length that point is a quarter: (1 + cos(pi/4)) / 2 = 0.8536.
TEST(ResumeChanges, TellOfRatesThatJumpWithTheLengthOfTheRun) {
  Recipe before;
  before.train.schedule = "cosine";
  before.train.iterations = 100;
  auto after = before;
  after.train.iterations = 200;
  EXPECT_THAT(
      changes_of_updates(before, after, 50),
      ElementsAre(
          "the learning rate of the map jumps at iteration 51: 0.0001 -> 0.0001707 (train.schedule = \"cosine\", "
          "train.iterations 100 -> 200)",
          "the learning rate of the potential jumps at iteration 51: 0.0001 -> 0.0001707 (train.schedule = \"cosine\", "
          "train.iterations 100 -> 200)"));
  EXPECT_THAT(changes_of_updates(before, after, 100)[0], HasSubstr("0 -> 0.0001"));
  before.train.schedule = after.train.schedule = "constant";
  EXPECT_THAT(changes_of_updates(before, after, 50), ElementsAre());
}

TEST(ResumeChanges, AnAverageCannotBeginInTheMiddle) {
  Recipe before, after;
  before.train.ema = 0;
  EXPECT_THAT(message_of([&] { changes_of_updates(before, after, 5); }),
              AllOf(HasSubstr("train.ema"), HasSubstr("0 -> 0.999")));
}

TEST(ResumeChanges, AKeyThatDoesNotExistIsReportedWithTheNearest) {
  for (const auto& [assignment, key, nearest] :
       {std::tuple{"train.iteration=12", "train.iteration", "train.iterations"},
        {"data.cached=off", "data.cached", "data.cache"},
        {"train.lr_mapp=1", "train.lr_mapp", "train.lr_map"},
        {"checkpoint", "checkpoint", ""}}) {
    EXPECT_THAT(message_of([&, given = assignment] { require_changeable({"train.clip=1", given}); }),
                AllOf(HasSubstr(std::string("assignment ") + assignment),
                      HasSubstr(std::string("unknown key \"") + key + '"'), HasSubstr(nearest)));
  }
}

}  // namespace
}  // namespace monge::train

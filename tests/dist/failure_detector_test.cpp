#include "monge/dist/failure_detector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <mutex>

#include "monge/core/error.h"
#include "tests/support/ranks.h"
#include "tests/support/support.h"

namespace monge::dist {
namespace {

using monge::testing::run_ranks;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Verdicts by rank.
class Verdicts {
 public:
  explicit Verdicts(int64_t ranks) : promises_(static_cast<size_t>(ranks)) {}
  FailureCallbacks of(int64_t rank) {
    return {
        .speak =
            [this, rank](const JobFailure& verdict) {
              const std::lock_guard lock(guard_);
              spoken_ += text(rank, ": ", verdict.message, '\n');
            },
        .ended = [this, rank](const JobFailure& verdict) { promises_[static_cast<size_t>(rank)].set_value(verdict); }};
  }
  /// What was said to the user, and by whom.
  std::string spoken() {
    const std::lock_guard lock(guard_);
    return spoken_;
  }
  JobFailure wait(int64_t rank) {
    auto result = promises_[static_cast<size_t>(rank)].get_future();
    if (result.wait_for(std::chrono::seconds(30)) != std::future_status::ready) return {"no verdict came", -1, false};
    return result.get();
  }

 private:
  std::vector<std::promise<JobFailure>> promises_;
  std::mutex guard_;
  std::string spoken_;
};

TEST(Watch, LetsAJobThatEndsWellEnd) {
  std::atomic<int> verdicts{0};
  run_ranks(3, [&](auto group) {
    auto watch = std::make_unique<FailureDetector>(
        *group, FailureDetectorOptions{.beat = Seconds(0.05)},
        FailureCallbacks{[&](const JobFailure&) { ++verdicts; }, [&](const JobFailure&) { ++verdicts; }});
    for (int i = 0; i < 5; ++i) group->barrier();
    group->barrier();
    watch->leave();
    group->close();
    watch.reset();
  });
  EXPECT_EQ(verdicts, 0);
}

TEST(Watch, TellsAllOfAFailureAndOneSpeaks) {
  Verdicts verdicts(3);
  run_ranks(3, [&](auto group) {
    FailureDetector watch(*group, {.beat = Seconds(0.05)}, verdicts.of(group->rank()));
    if (group->rank() == 1) {
      const auto own = watch.fail("an image cannot be read\nat all", 2);
      EXPECT_TRUE(own.spoken);
      EXPECT_THAT(verdicts.spoken(), HasSubstr("0: rank 1 on host "))
          << "it must be said before the one that failed can end";
      EXPECT_EQ(own.code, 2);
      return;
    }
    const auto verdict = verdicts.wait(group->rank());
    EXPECT_THAT(verdict.message, AllOf(HasSubstr("rank 1 on host "), HasSubstr("an image cannot be read\nat all")));
    EXPECT_EQ(verdict.code, 2);
  });
}

TEST(Watch, AFailureThatAllHaveIsToldAsNobodysOwn) {
  Verdicts verdicts(3);
  std::promise<void> first;
  const auto after = first.get_future().share();
  run_ranks(3, [&](auto group) {
    FailureDetector watch(*group, {.beat = Seconds(0.05), .own = Seconds(60)}, verdicts.of(group->rank()));
    // fail() waits for the verdict, so that the one who was first can only say before it that it is about to fail.
    if (group->rank() == 1) first.set_value();
    if (group->is_root()) after.wait();
    const auto verdict = watch.fail("x.npy: no such file", 2);
    EXPECT_EQ(verdict.message, "x.npy: no such file");
    EXPECT_EQ(verdict.code, 2);
    EXPECT_TRUE(verdict.spoken);
  });
  EXPECT_EQ(verdicts.spoken(), "0: x.npy: no such file\n");
}

TEST(Watch, AFailureOfRank0IsSpokenByIt) {
  Verdicts verdicts(2);
  run_ranks(2, [&](auto group) {
    FailureDetector watch(*group, {.beat = Seconds(0.05)}, verdicts.of(group->rank()));
    if (group->is_root()) {
      const auto own = watch.fail("the disk is full", 1);
      EXPECT_TRUE(own.spoken);
      EXPECT_EQ(verdicts.spoken(), "0: the disk is full\n");
      EXPECT_THAT(own.message, "the disk is full");
    } else {
      const auto verdict = verdicts.wait(1);
      EXPECT_THAT(verdict.message, HasSubstr("the disk is full"));
    }
  });
}

// As where the file system fails while the way on is looked for.
TEST(Watch, WordsThatCannotBeSaidDoNotKeepTheJobFromEnding) {
  Verdicts verdicts(2);
  run_ranks(2, [&](auto group) {
    auto calls = verdicts.of(group->rank());
    if (group->is_root()) calls.speak = [](const JobFailure&) { throw std::runtime_error("Stale file handle"); };
    FailureDetector watch(*group, {.beat = Seconds(0.05)}, calls);
    if (group->rank() == 1) {
      EXPECT_EQ(watch.fail("an image cannot be read", 2).code, 2);
      return;
    }
    const auto verdict = verdicts.wait(0);
    EXPECT_THAT(verdict.message, HasSubstr("an image cannot be read"));
    EXPECT_EQ(verdict.code, 2);
  });
}

TEST(Watch, WhatItsThreadThrowsEndsNoProcess) {
  std::promise<void> thrown;
  const auto until = thrown.get_future().share();
  run_ranks(2, [&](auto group) {
    FailureCallbacks calls{[](const JobFailure&) {},
                           [&](const JobFailure&) {
                             thrown.set_value();
                             throw 7;
                           }};
    if (!group->is_root()) calls.ended = [](const JobFailure&) {};
    FailureDetector watch(*group, {.beat = Seconds(0.05)}, calls);
    if (group->rank() == 1) watch.fail("an image cannot be read", 2);
    until.wait();
  });
}

// The others are gone already, or fail by themselves.
TEST(Watch, WhoFailsWhileAllPartWaitsForNoVerdict) {
  run_ranks(2, [&](auto group) {
    FailureDetector watch(*group, {.beat = Seconds(0.05)}, {[](const JobFailure&) {}, [](const JobFailure&) {}});
    group->barrier();
    watch.leave();
    const auto began = std::chrono::steady_clock::now();
    const auto own = watch.fail("the connection broke", 1);
    EXPECT_EQ(own.message, "the connection broke");
    EXPECT_FALSE(own.spoken);
    EXPECT_LT(Seconds(std::chrono::steady_clock::now() - began).count(), 2);
    group->barrier();
  });
}

// As a process that is killed: its connections close.
TEST(Watch, NoticesARankThatIsGone) {
  Verdicts verdicts(3);
  std::promise<void> seen;
  const auto until = seen.get_future().share();
  run_ranks(3, [&](auto group) {
    auto watch = std::make_unique<FailureDetector>(*group, FailureDetectorOptions{.beat = Seconds(0.05)},
                                                   verdicts.of(group->rank()));
    if (group->rank() == 2) {
      watch.reset();
      until.wait();
      return;
    }
    const auto verdict = verdicts.wait(group->rank());
    EXPECT_THAT(verdict.message, AllOf(HasSubstr("rank 2 on host "), HasSubstr("is gone")));
    if (group->is_root()) seen.set_value();
  });
}

TEST(Watch, NoticesARankThatStaysBehind) {
  Verdicts verdicts(3);
  std::promise<void> seen;
  const auto until = seen.get_future().share();
  run_ranks(3, [&](auto group) {
    FailureDetector watch(*group, {.beat = Seconds(0.05), .stall = Seconds(1)}, verdicts.of(group->rank()));
    if (group->rank() == 1) {
      until.wait();  // hangs, while the others wait for it
      group->barrier();
      return;
    }
    std::thread stuck([&] { group->barrier(); });
    const auto verdict = verdicts.wait(group->rank());
    EXPECT_THAT(verdict.message, AllOf(HasSubstr("rank 1 on host "), HasSubstr("hangs"), HasSubstr("1 s"),
                                       HasSubstr("parallel.timeout")));
    if (group->is_root()) seen.set_value();
    stuck.join();
  });
}

// Slow together is not behind: ranks whose operations take longer than the limit.
TEST(Watch, RanksThatAreSlowTogetherAreLeftAlone) {
  std::atomic<int> verdicts{0};
  run_ranks(2, [&](auto group) {
    const auto count = [&](const JobFailure&) { ++verdicts; };
    auto watch = std::make_unique<FailureDetector>(
        *group, FailureDetectorOptions{.beat = Seconds(0.05), .stall = Seconds(0.5)}, FailureCallbacks{count, count});
    for (int i = 0; i < 2; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(group->is_root() ? 1000 : 900));
      group->barrier();
    }
    watch->leave();
    group->close();
  });
  EXPECT_EQ(verdicts, 0);
}

TEST(Watch, ARankWithoutRank0JudgesForItself) {
  Verdicts verdicts(2);
  std::promise<void> seen;
  const auto until = seen.get_future().share();
  run_ranks(2, [&](auto group) {
    auto watch = std::make_unique<FailureDetector>(*group, FailureDetectorOptions{.beat = Seconds(0.05)},
                                                   verdicts.of(group->rank()));
    if (group->is_root()) {
      watch.reset();
      until.wait();
      return;
    }
    const auto verdict = verdicts.wait(1);
    EXPECT_THAT(verdict.message, AllOf(HasSubstr("rank 0 on host "), HasSubstr("is gone")));
    EXPECT_THAT(verdicts.spoken(), HasSubstr("1: rank 0 on host "));
    seen.set_value();
  });
}

}  // namespace
}  // namespace monge::dist

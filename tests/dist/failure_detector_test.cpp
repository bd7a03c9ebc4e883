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

/// The decisions of the ranks' detectors.
class Failures {
 public:
  explicit Failures(int64_t ranks) : promises_(static_cast<size_t>(ranks)) {}
  FailureCallbacks of(int64_t rank) {
    return {.report =
                [this, rank](const JobFailure& failure) {
                  const std::lock_guard lock(guard_);
                  reported_ += text(rank, ": ", failure.message, '\n');
                },
            .end_process =
                [this, rank](const JobFailure& failure) { promises_[static_cast<size_t>(rank)].set_value(failure); }};
  }
  /// The reports to the user, each after its rank.
  std::string reported() {
    const std::lock_guard lock(guard_);
    return reported_;
  }
  JobFailure wait(int64_t rank) {
    auto result = promises_[static_cast<size_t>(rank)].get_future();
    if (result.wait_for(std::chrono::seconds(30)) != std::future_status::ready)
      return {"no failure was decided", -1, false};
    return result.get();
  }

 private:
  std::vector<std::promise<JobFailure>> promises_;
  std::mutex guard_;
  std::string reported_;
};

TEST(FailureDetector, LetsAJobThatEndsWellEnd) {
  std::atomic<int> failures{0};
  run_ranks(3, [&](auto& group) {
    auto detector = std::make_unique<FailureDetector>(
        group, FailureDetectorOptions{.heartbeat_interval = Seconds(0.05)},
        FailureCallbacks{[&](const JobFailure&) { ++failures; }, [&](const JobFailure&) { ++failures; }});
    for (int i = 0; i < 5; ++i) group.barrier();
    group.barrier();
    detector->leave();
    group.close();
    detector.reset();
  });
  EXPECT_EQ(failures, 0);
}

TEST(FailureDetector, NotifiesAllOfAFailureAndOneReportsIt) {
  Failures failures(3);
  run_ranks(3, [&](auto& group) {
    FailureDetector detector(group, {.heartbeat_interval = Seconds(0.05)}, failures.of(group.rank()));
    if (group.rank() == 1) {
      const auto own = detector.fail("an image cannot be read\nat all", 2);
      EXPECT_TRUE(own.reported);
      EXPECT_THAT(failures.reported(), HasSubstr("0: rank 1 on host "))
          << "it must be reported before the rank that failed can end";
      EXPECT_EQ(own.code, 2);
      return;
    }
    const auto failure = failures.wait(group.rank());
    EXPECT_THAT(failure.message, AllOf(HasSubstr("rank 1 on host "), HasSubstr("an image cannot be read\nat all")));
    EXPECT_EQ(failure.code, 2);
  });
}

TEST(FailureDetector, AFailureOfAllRanksNamesNone) {
  Failures failures(3);
  std::promise<void> first;
  const auto after = first.get_future().share();
  run_ranks(3, [&](auto& group) {
    FailureDetector detector(group, {.heartbeat_interval = Seconds(0.05), .own_failure_wait = Seconds(60)},
                             failures.of(group.rank()));
    // fail() blocks until the job's failure is decided, so the first rank signals before it calls fail().
    if (group.rank() == 1) first.set_value();
    if (group.is_root()) after.wait();
    const auto failure = detector.fail("x.npy: no such file", 2);
    EXPECT_EQ(failure.message, "x.npy: no such file");
    EXPECT_EQ(failure.code, 2);
    EXPECT_TRUE(failure.reported);
  });
  EXPECT_EQ(failures.reported(), "0: x.npy: no such file\n");
}

TEST(FailureDetector, TheRootReportsItsOwnFailure) {
  Failures failures(2);
  run_ranks(2, [&](auto& group) {
    FailureDetector detector(group, {.heartbeat_interval = Seconds(0.05)}, failures.of(group.rank()));
    if (group.is_root()) {
      const auto own = detector.fail("the disk is full", 1);
      EXPECT_TRUE(own.reported);
      EXPECT_EQ(failures.reported(), "0: the disk is full\n");
      EXPECT_THAT(own.message, "the disk is full");
    } else {
      const auto failure = failures.wait(1);
      EXPECT_THAT(failure.message, HasSubstr("the disk is full"));
    }
  });
}

// The file system may fail while the resume hint is computed.
TEST(FailureDetector, AReportThatFailsDoesNotKeepTheJobFromEnding) {
  Failures failures(2);
  run_ranks(2, [&](auto& group) {
    auto calls = failures.of(group.rank());
    if (group.is_root()) calls.report = [](const JobFailure&) { throw std::runtime_error("Stale file handle"); };
    FailureDetector detector(group, {.heartbeat_interval = Seconds(0.05)}, calls);
    if (group.rank() == 1) {
      EXPECT_EQ(detector.fail("an image cannot be read", 2).code, 2);
      return;
    }
    const auto failure = failures.wait(0);
    EXPECT_THAT(failure.message, HasSubstr("an image cannot be read"));
    EXPECT_EQ(failure.code, 2);
  });
}

TEST(FailureDetector, AnExceptionOfItsThreadDoesNotEndTheProcess) {
  std::promise<void> thrown;
  const auto until = thrown.get_future().share();
  run_ranks(2, [&](auto& group) {
    FailureCallbacks calls{[](const JobFailure&) {},
                           [&](const JobFailure&) {
                             thrown.set_value();
                             throw 7;
                           }};
    if (!group.is_root()) calls.end_process = [](const JobFailure&) {};
    FailureDetector detector(group, {.heartbeat_interval = Seconds(0.05)}, calls);
    if (group.rank() == 1) detector.fail("an image cannot be read", 2);
    until.wait();
  });
}

// The others are gone already, or fail by themselves. A wait would last until the test times out.
TEST(FailureDetector, ARankThatFailsWhileAllLeaveDoesNotWait) {
  run_ranks(2, [&](auto& group) {
    FailureDetector detector(group, {.heartbeat_interval = Seconds(0.05), .decision_wait = Seconds(86400)},
                             {[](const JobFailure&) {}, [](const JobFailure&) {}});
    group.barrier();
    detector.leave();
    const auto own = detector.fail("the connection broke", 1);
    EXPECT_EQ(own.message, "the connection broke");
    EXPECT_FALSE(own.reported);
    group.barrier();
  });
}

// The connections of a rank close, as those of a killed process do.
TEST(FailureDetector, NoticesARankThatIsGone) {
  Failures failures(3);
  std::promise<void> seen;
  const auto until = seen.get_future().share();
  run_ranks(3, [&](auto& group) {
    auto detector = std::make_unique<FailureDetector>(
        group, FailureDetectorOptions{.heartbeat_interval = Seconds(0.05)}, failures.of(group.rank()));
    if (group.rank() == 2) {
      detector.reset();
      until.wait();
      return;
    }
    const auto failure = failures.wait(group.rank());
    EXPECT_THAT(failure.message, AllOf(HasSubstr("rank 2 on host "), HasSubstr("is gone")));
    if (group.is_root()) seen.set_value();
  });
}

TEST(FailureDetector, NoticesARankThatStaysBehind) {
  Failures failures(3);
  std::promise<void> seen;
  const auto until = seen.get_future().share();
  run_ranks(3, [&](auto& group) {
    FailureDetector detector(group, {.heartbeat_interval = Seconds(0.05), .stall_timeout = Seconds(1)},
                             failures.of(group.rank()));
    if (group.rank() == 1) {
      until.wait();  // hangs, while the others wait for it
      group.barrier();
      return;
    }
    std::thread stuck([&] { group.barrier(); });
    const auto failure = failures.wait(group.rank());
    EXPECT_THAT(failure.message, AllOf(HasSubstr("rank 1 on host "), HasSubstr("hangs"), HasSubstr("1 s"),
                                       HasSubstr("parallel.timeout")));
    if (group.is_root()) seen.set_value();
    stuck.join();
  });
}

TEST(FailureDetector, ARankWithoutTheRootDecidesForItself) {
  Failures failures(2);
  std::promise<void> seen;
  const auto until = seen.get_future().share();
  run_ranks(2, [&](auto& group) {
    auto detector = std::make_unique<FailureDetector>(
        group, FailureDetectorOptions{.heartbeat_interval = Seconds(0.05)}, failures.of(group.rank()));
    if (group.is_root()) {
      detector.reset();
      until.wait();
      return;
    }
    const auto failure = failures.wait(1);
    EXPECT_THAT(failure.message, AllOf(HasSubstr("rank 0 on host "), HasSubstr("is gone")));
    EXPECT_THAT(failures.reported(), HasSubstr("1: rank 0 on host "));
    seen.set_value();
  });
}

}  // namespace
}  // namespace monge::dist

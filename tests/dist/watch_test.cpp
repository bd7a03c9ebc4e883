#include "monge/dist/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <mutex>

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
  std::function<void(const Verdict&)> of(int64_t rank) {
    return [this, rank](const Verdict& verdict) { promises_[static_cast<size_t>(rank)].set_value(verdict); };
  }
  Verdict wait(int64_t rank) {
    auto result = promises_[static_cast<size_t>(rank)].get_future();
    if (result.wait_for(std::chrono::seconds(30)) != std::future_status::ready) return {"no verdict came", -1, false};
    return result.get();
  }

 private:
  std::vector<std::promise<Verdict>> promises_;
};

TEST(Watch, LetsAJobThatEndsWellEnd) {
  std::atomic<int> verdicts{0};
  run_ranks(3, [&](auto world) {
    auto watch = std::make_unique<Watch>(*world, WatchOptions{.beat = Seconds(0.05)}, [&](const Verdict&) { ++verdicts; });
    for (int i = 0; i < 5; ++i) world->barrier();
    world->barrier();
    watch->leave();
    world->close();
    watch.reset();
  });
  EXPECT_EQ(verdicts, 0);
}

TEST(Watch, TellsAllOfAFailureAndOneSpeaks) {
  Verdicts verdicts(3);
  run_ranks(3, [&](auto world) {
    Watch watch(*world, {.beat = Seconds(0.05)}, verdicts.of(world->rank()));
    if (world->rank() == 1) {
      const auto own = watch.fail("a picture cannot be read\nat all", 2);
      EXPECT_FALSE(own.mine);
      EXPECT_EQ(own.code, 2);
      return;
    }
    const auto verdict = verdicts.wait(world->rank());
    EXPECT_THAT(verdict.message, AllOf(HasSubstr("rank 1 on host "), HasSubstr("a picture cannot be read\nat all")));
    EXPECT_EQ(verdict.code, 2);
    EXPECT_EQ(verdict.mine, world->rank() == 0);
  });
}

TEST(Watch, AFailureOfRank0IsSpokenByIt) {
  Verdicts verdicts(2);
  run_ranks(2, [&](auto world) {
    Watch watch(*world, {.beat = Seconds(0.05)}, verdicts.of(world->rank()));
    if (world->leads()) {
      const auto own = watch.fail("the disk is full", 1);
      EXPECT_TRUE(own.mine);
      EXPECT_THAT(own.message, "the disk is full");
    } else {
      const auto verdict = verdicts.wait(1);
      EXPECT_THAT(verdict.message, HasSubstr("the disk is full"));
      EXPECT_FALSE(verdict.mine);
    }
  });
}

// As a process that is killed: its connections close.
TEST(Watch, NoticesARankThatIsGone) {
  Verdicts verdicts(3);
  std::promise<void> seen;
  const auto until = seen.get_future().share();
  run_ranks(3, [&](auto world) {
    auto watch = std::make_unique<Watch>(*world, WatchOptions{.beat = Seconds(0.05)}, verdicts.of(world->rank()));
    if (world->rank() == 2) {
      watch.reset();
      until.wait();
      return;
    }
    const auto verdict = verdicts.wait(world->rank());
    EXPECT_THAT(verdict.message, AllOf(HasSubstr("rank 2 on host "), HasSubstr("is gone")));
    if (world->leads()) seen.set_value();
  });
}

TEST(Watch, NoticesARankThatStaysBehind) {
  Verdicts verdicts(3);
  std::promise<void> seen;
  const auto until = seen.get_future().share();
  run_ranks(3, [&](auto world) {
    Watch watch(*world, {.beat = Seconds(0.05), .stall = Seconds(1)}, verdicts.of(world->rank()));
    if (world->rank() == 1) {
      until.wait();  // hangs, while the others wait for it
      world->barrier();
      return;
    }
    std::thread stuck([&] { world->barrier(); });
    const auto verdict = verdicts.wait(world->rank());
    EXPECT_THAT(verdict.message, AllOf(HasSubstr("rank 1 on host "), HasSubstr("hangs"), HasSubstr("1 s"), HasSubstr("parallel.timeout")));
    if (world->leads()) seen.set_value();
    stuck.join();
  });
}

TEST(Watch, ARankWithoutRank0JudgesForItself) {
  Verdicts verdicts(2);
  std::promise<void> seen;
  const auto until = seen.get_future().share();
  run_ranks(2, [&](auto world) {
    auto watch = std::make_unique<Watch>(*world, WatchOptions{.beat = Seconds(0.05)}, verdicts.of(world->rank()));
    if (world->leads()) {
      watch.reset();
      until.wait();
      return;
    }
    const auto verdict = verdicts.wait(1);
    EXPECT_THAT(verdict.message, AllOf(HasSubstr("rank 0 on host "), HasSubstr("is gone")));
    EXPECT_TRUE(verdict.mine);
    seen.set_value();
  });
}

}  // namespace
}  // namespace monge::dist

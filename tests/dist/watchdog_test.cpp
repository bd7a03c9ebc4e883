#include "monge/dist/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "monge/core/error.h"
#include "tests/support/support.h"

namespace monge::dist {
namespace {

using monge::testing::message_of;

TEST(Watchdog, BarksWhenItsTimeIsOver) {
  std::promise<void> barked;
  const Watchdog watchdog(Seconds(0.05), [&] { barked.set_value(); });
  EXPECT_EQ(barked.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

TEST(Watchdog, IsSilentWhereTheWorkEndsInTime) {
  std::atomic<int> barks{0};
  {
    const Watchdog watchdog(Seconds(60), [&] { ++barks; });
  }
  EXPECT_EQ(barks, 0);
}

// A joinable std::thread there would end the process.
TEST(Watchdog, LetsAnErrorPass) {
  std::atomic<int> barks{0};
  EXPECT_EQ(message_of([&] {
              const Watchdog watchdog(Seconds(60), [&] { ++barks; });
              throw SystemError("the connection with rank 1 broke");
            }),
            "the connection with rank 1 broke");
  EXPECT_EQ(barks, 0);
}

TEST(Watchdog, DropsWhatTheLastResortThrows) {
  std::promise<void> barked;
  const Watchdog watchdog(Seconds(0), [&] {
    barked.set_value();
    throw SystemError("standard error is closed");
  });
  EXPECT_EQ(barked.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

}  // namespace
}  // namespace monge::dist

#include "monge/dist/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <mutex>

#include "monge/core/error.h"
#include "tests/support/ranks.h"
#include "tests/support/support.h"

namespace monge::dist {
namespace {

using monge::testing::MeetingPoint;
using monge::testing::message_of;
using monge::testing::run_threads;
using ::testing::AllOf;
using ::testing::HasSubstr;

const JobOptions kQuick{.timeout = Seconds(60), .failure = {.heartbeat_interval = Seconds(0.05)}};

FailureCallbacks expect_no_failure() {
  const auto unexpected = [](const JobFailure& failure) { ADD_FAILURE() << failure.message; };
  return {.report = unexpected, .end_process = unexpected};
}

TEST(Job, RanksMeetWorkAndFinishTogether) {
  const MeetingPoint point;
  run_threads(3, [&](int64_t rank) {
    Job job(point.launch(rank, 3), kQuick, expect_no_failure());
    auto& group = job.group();
    EXPECT_EQ(group.size(), 3);
    EXPECT_EQ(group.rank(), rank);
    EXPECT_TRUE(group.launched());
    EXPECT_EQ(group.transport_name(), "TCP");
    EXPECT_THAT(group.gather(std::to_string(rank)), ::testing::ElementsAre("0", "1", "2"));
    job.finish();
    EXPECT_THAT(message_of([&] { group.barrier(); }), HasSubstr("the process group has been closed"));
  });
}

// The root reports the failure, and end_process is called on the ranks that did not fail themselves.
TEST(Job, AFailureOfOneRankEndsAllWithItsMessageAndCode) {
  const MeetingPoint point;
  std::mutex guard;
  std::string reports;
  run_threads(3, [&](int64_t rank) {
    std::promise<JobFailure> ended;
    Job job(point.launch(rank, 3), kQuick,
            {.report =
                 [&](const JobFailure& failure) {
                   const std::lock_guard lock(guard);
                   reports += text(rank, ": ", failure.message, '\n');
                 },
             .end_process = [&](const JobFailure& failure) { ended.set_value(failure); }});
    const auto failure = rank == 1 ? job.fail("an image cannot be read", 2) : ended.get_future().get();
    EXPECT_THAT(failure.message, AllOf(HasSubstr("rank 1 on host "), HasSubstr(": an image cannot be read")));
    EXPECT_EQ(failure.code, 2);
    EXPECT_TRUE(failure.reported);
  });
  EXPECT_THAT(reports, AllOf(HasSubstr("0: rank 1 on host "), ::testing::Not(HasSubstr("\n1:"))));
}

TEST(Job, AFailureOfAllRanksNamesNone) {
  const MeetingPoint point;
  run_threads(2, [&](int64_t rank) {
    Job job(point.launch(rank, 2), kQuick,
            {.report = [](const JobFailure&) {}, .end_process = [](const JobFailure&) {}});
    EXPECT_EQ(job.fail("x.npy: no such file", 2, /*same_on_all=*/true).message, "x.npy: no such file");
  });
}

TEST(Job, WithoutALauncherItIsOneRankThatDecidesForItself) {
  Job job(Launch{}, kQuick, expect_no_failure());
  EXPECT_EQ(job.group().size(), 1);
  EXPECT_FALSE(job.group().launched());
  job.set_stall_timeout(Seconds(1));
  const auto failure = job.fail("the disk is full", 1);
  EXPECT_EQ(failure.message, "the disk is full");
  EXPECT_EQ(failure.code, 1);
  EXPECT_FALSE(failure.reported) << "nobody else can have reported it";
}

TEST(Job, OfOneLaunchedRankFinishesAlone) {
  Launch launch;
  launch.kind = Launch::Kind::environment;
  launch.launcher = "torchrun";
  Job job(launch, kQuick, expect_no_failure());
  EXPECT_EQ(job.group().size(), 1);
  EXPECT_TRUE(job.group().launched());
  EXPECT_EQ(job.group().transport_name(), "none");
  job.finish();
}

TEST(Job, NamesTheRanksThatDoNotCome) {
  const MeetingPoint point;
  EXPECT_THAT(message_of([&] { Job(point.launch(0, 3), {.timeout = Seconds(1), .failure = {}}, expect_no_failure()); }),
              AllOf(HasSubstr("2 of 3 ranks did not connect to 127.0.0.1, port "), HasSubstr("missing ranks: 1, 2")));
}

}  // namespace
}  // namespace monge::dist

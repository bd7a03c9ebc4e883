#include "monge/io/worker_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/unique_fd.h"
#include "monge/io/crash_guard.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using End = ChildOutcome::End;

constexpr int64_t kMost = 4'000'000;  // bytes of a reply
/// Whatever makes the machine stand still meanwhile.
const WorkerPatience kPatient{.idle = std::chrono::minutes(10)};

/// Does what the request says, and counts the requests.
std::vector<char> obey(std::string_view request) {
  static int requests = 0;
  ++requests;
  if (request == "count") return std::vector<char>(static_cast<size_t>(requests), 'x');
  if (request == "refuse") throw InputError({.what = "is wrong", .where = "there", .fix = "mend it"});
  if (request == "fail") throw SystemError("no disk");
  if (request == "starve") throw std::bad_alloc();
  if (request == "crash") std::raise(SIGSEGV);
  if (request == "end") std::_Exit(7);
  if (request == "take") {  // half a gigabyte
    std::vector<char> memory(size_t{512} << 20);
    return {memory[3]};
  }
  while (request == "wait") ::pause();
  while (request == "search") {
  }
  return {request.rbegin(), request.rend()};
}

std::string reply_of(WorkerProcess& process, std::string_view request) {
  std::vector<char> reply;
  EXPECT_EQ(process.ask(request, {}, kMost, reply).end, End::done);
  return {reply.begin(), reply.end()};
}

End end_of(std::string_view request, const ChildLimits& limits = {}) {
  WorkerProcess process(obey, kPatient);
  std::vector<char> reply;
  return process.ask(request, limits, kMost, reply).end;
}

TEST(WorkerProcess, RepliesToOneRequestAfterAnother) {
  WorkerProcess process(obey, kPatient);
  EXPECT_EQ(reply_of(process, "abc"), "cba");
  EXPECT_EQ(reply_of(process, ""), "");
  EXPECT_EQ(reply_of(process, "count"), "xxx") << "it is the same process";
  const std::string large(3'000'000, 'l');
  EXPECT_EQ(reply_of(process, large), large);
  EXPECT_TRUE(process.is_usable());
}

TEST(WorkerProcess, BringsErrorsAndGoesOn) {
  WorkerProcess process(obey, kPatient);
  std::vector<char> reply;
  const auto outcome = process.ask("refuse", {}, kMost, reply);
  ASSERT_EQ(outcome.end, End::refused);
  EXPECT_EQ(outcome.complaint.what, "is wrong");
  EXPECT_EQ(outcome.complaint.where, "there");
  EXPECT_EQ(outcome.complaint.fix, "mend it");
  EXPECT_TRUE(process.is_usable());
  EXPECT_EQ(reply_of(process, "abc"), "cba");
  EXPECT_EQ(process.ask("starve", {}, kMost, reply).end, End::exhausted);
  EXPECT_FALSE(process.is_usable());
}

TEST(WorkerProcess, SaysHowItEnded) {
  EXPECT_EQ(end_of("fail"), End::failed);
  EXPECT_EQ(end_of("crash"), End::crashed);
  EXPECT_EQ(end_of("end"), End::crashed);
  EXPECT_EQ(end_of("search", {.seconds = 1}), End::stuck);
  WorkerProcess process(obey, kPatient);
  std::vector<char> reply;
  EXPECT_EQ(process.ask("crash", {}, kMost, reply).end, End::crashed);
  EXPECT_FALSE(process.is_usable());
  EXPECT_EQ(process.ask("abc", {}, kMost, reply).end, End::untried);
}

TEST(WorkerProcess, TakesNoReplyThatIsTooLong) {
  WorkerProcess process(obey, kPatient);
  std::vector<char> reply;
  EXPECT_EQ(process.ask("abcd", {}, 4, reply).end, End::done);
  EXPECT_EQ(process.ask("abcd", {}, 3, reply).end, End::crashed);
  EXPECT_FALSE(process.is_usable());
}

TEST(WorkerProcess, ALimitOfTimeHoldsWhereTheSignalIsBlocked) {
  sigset_t blocked, before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGXCPU);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  EXPECT_EQ(end_of("search", {.seconds = 1}), End::stuck);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(WorkerProcess, AHostThatIgnoresItsChildrenIsToldOfACrash) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(end_of("crash"), End::crashed);
  EXPECT_EQ(run_in_child([] { throw InputError("wrong"); }, {}).end, End::refused);
  EXPECT_EQ(run_in_child([] { std::raise(SIGSEGV); }, {}).end, End::crashed);
  std::signal(SIGCHLD, before);
}

TEST(WorkerProcess, LimitsEachRequestAnew) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  SUCCEED() << "the allocators of sanitizers keep what is freed";
#else
  WorkerProcess process(obey, kPatient);
  std::vector<char> reply;
  EXPECT_EQ(process.ask("take", {.bytes = int64_t{1} << 30}, kMost, reply).end, End::done);
  EXPECT_EQ(process.ask("take", {.bytes = int64_t{256} << 20}, kMost, reply).end, End::exhausted);
  EXPECT_EQ(process.ask("take", {.bytes = int64_t{1} << 30}, kMost, reply).end, End::done);
#endif
}

TEST(WorkerProcess, EndsWhenNobodyAsks) {
  WorkerProcess process(obey, {.idle = std::chrono::milliseconds(1)});
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT), 0);
  std::vector<char> reply;
  EXPECT_EQ(process.ask("abc", {}, kMost, reply).end, End::crashed);
  EXPECT_FALSE(process.is_usable());
}

TEST(WorkerProcess, IsEndedWhenItDoesNothing) {
  WorkerProcess process(obey, {.idle = std::chrono::minutes(10), .silence = std::chrono::milliseconds(50)});
  std::vector<char> reply;
  EXPECT_EQ(process.ask("wait", {}, kMost, reply).end, End::untried);
  EXPECT_FALSE(process.is_usable());
  WorkerProcess busy(obey, {.idle = std::chrono::minutes(10), .silence = std::chrono::milliseconds(50)});
  EXPECT_EQ(busy.ask("search", {.seconds = 1}, kMost, reply).end, End::stuck) << "by its own limit";
  EXPECT_EQ(reply_of(*std::make_unique<WorkerProcess>(obey, kPatient), "abc"), "cba");
}

TEST(WorkerProcess, KeepsNoLockOfAFile) {
  const monge::testing::ScratchFolder folder;
  const auto path = (folder / "lock").string();
  UniqueFd fd(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
  ASSERT_EQ(::flock(fd.get(), LOCK_EX | LOCK_NB), 0);
  WorkerProcess process(obey, kPatient);
  reply_of(process, "abc");
  fd.reset();
  const UniqueFd other(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0) << "the process would hold it";
}

TEST(WorkerProcess, IsNotStoppedBySignalsForItsParent) {
  WorkerPool pool(
      [](std::string_view) {
        ::kill(::getpid(), SIGINT);  // as Ctrl-C does
        ::kill(::getpid(), SIGTERM);
        return std::vector<char>{'a'};
      },
      kPatient);
  const auto process = pool.take();
  EXPECT_EQ(reply_of(*process, "x"), "a");
}

TEST(WorkerPool, GivesTheProcessesThatWait) {
  WorkerPool pool(obey, kPatient);
  auto first = pool.take(), second = pool.take();
  reply_of(*first, "abc");
  pool.give_back(std::move(first));
  first = pool.take();
  EXPECT_EQ(reply_of(*first, "count"), "xx");
  EXPECT_EQ(reply_of(*second, "count"), "x");
  std::vector<char> reply;
  second->ask("crash", {}, kMost, reply);
  pool.give_back(std::move(second));
  EXPECT_EQ(reply_of(*pool.take(), "count"), "x") << "one that crashed is not given again";
}

TEST(WorkerPool, AForkedProcessHasItsOwn) {
  WorkerPool pool(obey, kPatient);
  auto process = pool.take();
  reply_of(*process, "abc");
  pool.give_back(std::move(process));
  const pid_t child = ::fork();
  if (child == 0) {
    const auto own = pool.take();
    ::_exit(reply_of(*own, "count") == "x" ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
  EXPECT_EQ(reply_of(*pool.take(), "count"), "xx") << "that of the parent still lives";
}

}  // namespace
}  // namespace monge::io

#include "monge/io/worker_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>

#include "monge/core/error.h"
#include "monge/core/unique_fd.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using End = ChildOutcome::End;

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
  while (request == "search") {
  }
  return {request.rbegin(), request.rend()};
}

std::string reply_of(WorkerProcess& process, std::string_view request) {
  std::vector<char> reply;
  EXPECT_EQ(process.ask(request, {}, reply).end, End::done);
  return {reply.begin(), reply.end()};
}

End end_of(std::string_view request, const ChildLimits& limits = {}) {
  WorkerProcess process(obey);
  std::vector<char> reply;
  return process.ask(request, limits, reply).end;
}

TEST(WorkerProcess, RepliesToOneRequestAfterAnother) {
  WorkerProcess process(obey);
  EXPECT_EQ(reply_of(process, "abc"), "cba");
  EXPECT_EQ(reply_of(process, ""), "");
  EXPECT_EQ(reply_of(process, "count"), "xxx") << "it is the same process";
  const std::string large(3'000'000, 'l');
  EXPECT_EQ(reply_of(process, large), large);
  EXPECT_TRUE(process.is_usable());
}

TEST(WorkerProcess, BringsErrorsAndGoesOn) {
  WorkerProcess process(obey);
  std::vector<char> reply;
  const auto outcome = process.ask("refuse", {}, reply);
  ASSERT_EQ(outcome.end, End::refused);
  EXPECT_EQ(outcome.complaint.what, "is wrong");
  EXPECT_EQ(outcome.complaint.where, "there");
  EXPECT_EQ(outcome.complaint.fix, "mend it");
  EXPECT_TRUE(process.is_usable());
  EXPECT_EQ(reply_of(process, "abc"), "cba");
  EXPECT_EQ(process.ask("starve", {}, reply).end, End::exhausted);
  EXPECT_FALSE(process.is_usable());
}

TEST(WorkerProcess, SaysHowItEnded) {
  EXPECT_EQ(end_of("fail"), End::untried);
  EXPECT_EQ(end_of("crash"), End::crashed);
  EXPECT_EQ(end_of("end"), End::crashed);
  EXPECT_EQ(end_of("search", {.seconds = 1}), End::stuck);
  WorkerProcess process(obey);
  std::vector<char> reply;
  EXPECT_EQ(process.ask("crash", {}, reply).end, End::crashed);
  EXPECT_FALSE(process.is_usable());
  EXPECT_EQ(process.ask("abc", {}, reply).end, End::untried);
}

TEST(WorkerProcess, LimitsEachRequestAnew) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  SUCCEED() << "the allocators of sanitizers keep what is freed";
#else
  WorkerProcess process(obey);
  std::vector<char> reply;
  EXPECT_EQ(process.ask("take", {.bytes = int64_t{1} << 30}, reply).end, End::done);
  EXPECT_EQ(process.ask("take", {.bytes = int64_t{256} << 20}, reply).end, End::exhausted);
  EXPECT_EQ(process.ask("take", {.bytes = int64_t{1} << 30}, reply).end, End::done);
#endif
}

TEST(WorkerProcess, EndsWhenNobodyAsks) {
  WorkerProcess process(obey, std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  std::vector<char> reply;
  EXPECT_EQ(process.ask("abc", {}, reply).end, End::untried);
  EXPECT_FALSE(process.is_usable());
}

TEST(WorkerProcess, KeepsNoLockOfAFile) {
  const monge::testing::ScratchFolder folder;
  const auto path = (folder / "lock").string();
  UniqueFd fd(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
  ASSERT_EQ(::flock(fd.get(), LOCK_EX | LOCK_NB), 0);
  WorkerProcess process(obey);
  reply_of(process, "abc");
  fd.reset();
  const UniqueFd other(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0) << "the process would hold it";
}

TEST(WorkerProcess, IsNotStoppedBySignalsForItsParent) {
  WorkerPool pool([](std::string_view) {
    ::kill(::getpid(), SIGINT);  // as Ctrl-C does
    ::kill(::getpid(), SIGTERM);
    return std::vector<char>{'a'};
  });
  const auto process = pool.take();
  EXPECT_EQ(reply_of(*process, "x"), "a");
}

TEST(WorkerPool, GivesTheProcessesThatWait) {
  WorkerPool pool(obey);
  auto first = pool.take(), second = pool.take();
  reply_of(*first, "abc");
  pool.give_back(std::move(first));
  first = pool.take();
  EXPECT_EQ(reply_of(*first, "count"), "xx");
  EXPECT_EQ(reply_of(*second, "count"), "x");
  std::vector<char> reply;
  second->ask("crash", {}, reply);
  pool.give_back(std::move(second));
  EXPECT_EQ(reply_of(*pool.take(), "count"), "x") << "one that crashed is not given again";
}

TEST(WorkerPool, AForkedProcessHasItsOwn) {
  WorkerPool pool(obey);
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

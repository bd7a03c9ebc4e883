// Passes on several threads: each part is done once, even if threads come late.
#include "monge/nn/helper_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace monge::nn {
namespace {

using Call = void (*)(int64_t, void (*)(const void*), const void*);

template <class Work>
void call(Call form, int64_t threads, const Work& work) {
  form(threads, [](const void* state) { (*static_cast<const Work*>(state))(); }, &work);
}

/// A pass over `count` parts, and how often each was done.
std::vector<int> times_done(Call form, int64_t threads, int count) {
  std::vector<std::atomic<int>> done(static_cast<size_t>(count));
  std::atomic<int> next = 0;
  call(form, threads, [&] {
    for (int part; (part = next.fetch_add(1)) < count;) ++done[static_cast<size_t>(part)];
  });
  return {done.begin(), done.end()};
}

class HelperThreads : public ::testing::TestWithParam<Call> {};

TEST_P(HelperThreads, DoEachPartOnce) {
  for (int pass = 0; pass < 2000; ++pass) {
    const int count = pass % 7;
    ASSERT_EQ(times_done(GetParam(), 1 + pass % 4, count), std::vector<int>(static_cast<size_t>(count), 1)) << pass;
  }
}

TEST_P(HelperThreads, DoPassesOfSeveralCallersAtOnce) {
  std::vector<std::jthread> callers;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int pass = 0; pass < 500; ++pass) wrong += times_done(GetParam(), 3, 5) != std::vector<int>(5, 1);
    });
  }
  callers.clear();
  EXPECT_EQ(wrong, 0);
}

TEST_P(HelperThreads, GiveTheCallerWhatIsThrownAndWorkAgain) {
  for (int pass = 0; pass < 50; ++pass) {
    EXPECT_THROW(call(GetParam(), 3, [] { throw std::runtime_error("of a part"); }), std::runtime_error);
  }
  EXPECT_EQ(times_done(GetParam(), 3, 5), std::vector<int>(5, 1));
}

INSTANTIATE_TEST_SUITE_P(KernelTable, HelperThreads, ::testing::Values(call_on_threads, call_on_helpers),
                         [](const auto& form) { return form.param == call_on_threads ? "threads" : "helpers"; });

TEST(Helpers, GiveTheCallerWhatTheyThrow) {
  const auto caller = std::this_thread::get_id();
  std::atomic<int> begun = 0;
  const auto throwing = [&] {
    ++begun;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (begun < 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    if (std::this_thread::get_id() != caller) throw std::runtime_error("of a helper");
  };
  EXPECT_THROW(call(call_on_helpers, 2, throwing), std::runtime_error);
  EXPECT_EQ(times_done(call_on_helpers, 2, 5), std::vector<int>(5, 1));
}

TEST(Helpers, WorkAtTheSameTime) {
  // Each of two calls waits for the other to begin.
  std::atomic<int> begun = 0;
  call(call_on_helpers, 2, [&] {
    ++begun;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (begun < 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  });
  EXPECT_EQ(begun, 2);
}

}  // namespace
}  // namespace monge::nn

#include "monge/io/crash_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "monge/core/error.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using monge::testing::message_of;
using ::testing::HasSubstr;

using End = ChildOutcome::End;

End end_of_child(const std::function<void()>& work, const ChildLimits& limits = {}) {
  return run_in_child(work, limits).end;
}

TEST(CrashGuard, SaysHowAChildEnded) {
  EXPECT_EQ(end_of_child([] {}), End::done);
  EXPECT_EQ(end_of_child([] { throw InputError("wrong"); }), End::refused);
  EXPECT_EQ(end_of_child([] { throw SystemError("no disk"); }), End::failed);
  EXPECT_EQ(end_of_child([] { std::raise(SIGSEGV); }), End::crashed);
  EXPECT_EQ(end_of_child([] { std::abort(); }), End::crashed);
  EXPECT_EQ(end_of_child([] { std::_Exit(1); }), End::crashed) << "as sanitizers end";
}

TEST(CrashGuard, BringsTheErrorOfAChildWithItsParts) {
  const auto trial = run_in_child(
      [] { throw InputError({.what = "is wrong", .where = "a.h5ad", .value = "3", .fix = "mend it"}); }, {});
  ASSERT_EQ(trial.end, End::refused);
  EXPECT_EQ(trial.complaint.what, "is wrong");
  EXPECT_EQ(trial.complaint.where, "a.h5ad");
  EXPECT_EQ(trial.complaint.value, "3");
  EXPECT_EQ(trial.complaint.allowed, "");
  EXPECT_EQ(trial.complaint.fix, "mend it");
  const auto cut =
      run_in_child([] { throw InputError({.what = std::string(100'000, 'a') + '\0' + "b", .where = "there"}); }, {});
  ASSERT_EQ(cut.end, End::refused);
  EXPECT_GT(cut.complaint.what.size(), 1000u);
  EXPECT_EQ(cut.complaint.what.find_first_not_of('a'), std::string::npos);
  EXPECT_EQ(cut.complaint.where, "");
  EXPECT_EQ(run_in_child([] { throw SystemError("no disk"); }, {}).complaint.what, "no disk");
}

TEST(CrashGuard, EndsAChildThatIsStuck) {
  const auto search = [] {
    for (volatile int64_t i = 0;; i = i + 1) {
    }
  };
  EXPECT_EQ(end_of_child(search, {.seconds = 1}), End::stuck);
}

TEST(CrashGuard, EndsAChildThatTakesTooMuchMemory) {
  const auto take = [](size_t bytes) {
    return [bytes] {
      const std::unique_ptr<char[]> memory(new char[bytes]);
      for (size_t i = 0; i < bytes; i += 4096) static_cast<volatile char*>(memory.get())[i] = 1;
    };
  };
  constexpr ChildLimits limits{.bytes = int64_t{256} << 20};
  EXPECT_EQ(end_of_child(take(size_t{64} << 20), limits), End::done);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which end the process instead
  EXPECT_EQ(end_of_child(take(size_t{512} << 20), limits), End::exhausted);
  EXPECT_THAT(message_of([&] { tried_in_child("no-such.h5ad", take(size_t{2} << 30)); }),
              HasSubstr("the file is damaged, or unpacks to very much: reading it takes more than 1024 MiB of memory"));
#endif
}

TEST(CrashGuard, AllowsMoreForLargerFiles) {
  const monge::testing::ScratchFolder folder;
  const auto file = (folder / "large.h5ad").string();
  std::ofstream(file).close();
  std::filesystem::resize_file(file, 3'000'000);  // a hole
  EXPECT_EQ(hdf5_limits(file).seconds, 63);
  EXPECT_EQ(hdf5_limits(file).bytes, (int64_t{1} << 30) + 96'000'000);
  EXPECT_EQ(hdf5_limits("no-such.h5ad").seconds, 60);
}

TEST(CrashGuard, SharesMemoryAlone) {
  const auto shared = shared_zeros({2, 3}, torch::kFloat64);
  auto* to = shared.mutable_data_ptr<double>();
  int own = 1;
  EXPECT_EQ(end_of_child([&] { to[5] = own = 7; }), End::done);
  EXPECT_EQ(shared.sum().item<double>(), 7);
  EXPECT_EQ(own, 1);
  EXPECT_EQ(shared_zeros({0, 3}, torch::kFloat32).numel(), 0);
}

TEST(CrashGuard, GivesResultsAndErrors) {
  EXPECT_EQ(guarded("a.h5ad", [] { return 3; }), 3);
  EXPECT_EQ(message_of([] { guarded("a.h5ad", [] { throw InputError("wrong"); }); }), "wrong");
  EXPECT_EQ(message_of([] { guarded("a.h5ad", [] { throw SystemError("no disk"); }); }), "no disk") << "made here";
  EXPECT_THAT(message_of([] { guarded("a.h5ad", [] { std::raise(SIGBUS); }); }),
              HasSubstr("a.h5ad: the file is damaged: HDF5 crashes on it"));
  EXPECT_FALSE(is_trial_child());
}

}  // namespace
}  // namespace monge::io

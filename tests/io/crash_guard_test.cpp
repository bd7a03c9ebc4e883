#include "monge/io/crash_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "monge/core/error.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using monge::testing::message_of;
using ::testing::HasSubstr;

TEST(CrashGuard, SaysHowAChildEnded) {
  EXPECT_EQ(run_in_child([] {}), TrialEnd::done);
  EXPECT_EQ(run_in_child([] { throw InputError("wrong"); }), TrialEnd::threw);
  EXPECT_EQ(run_in_child([] { std::raise(SIGSEGV); }), TrialEnd::crashed);
  EXPECT_EQ(run_in_child([] { std::abort(); }), TrialEnd::crashed);
  EXPECT_EQ(run_in_child([] { std::_Exit(1); }), TrialEnd::crashed) << "as sanitizers end";
}

TEST(CrashGuard, SharesMemoryAlone) {
  const auto shared = shared_zeros({2, 3}, torch::kFloat64);
  auto* to = shared.mutable_data_ptr<double>();
  int own = 1;
  EXPECT_EQ(run_in_child([&] { to[5] = own = 7; }), TrialEnd::done);
  EXPECT_EQ(shared.sum().item<double>(), 7);
  EXPECT_EQ(own, 1);
  EXPECT_EQ(shared_zeros({0, 3}, torch::kFloat32).numel(), 0);
}

TEST(CrashGuard, GivesResultsAndErrors) {
  EXPECT_EQ(guarded("a.h5ad", [] { return 3; }), 3);
  EXPECT_THAT(message_of([] { guarded("a.h5ad", [] { throw InputError("wrong"); }); }), HasSubstr("wrong"));
  EXPECT_THAT(message_of([] { guarded("a.h5ad", [] { std::raise(SIGBUS); }); }),
              HasSubstr("a.h5ad: the file is damaged: HDF5 crashes on it"));
  EXPECT_FALSE(is_trial_child());
}

}  // namespace
}  // namespace monge::io

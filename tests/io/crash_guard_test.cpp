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
  EXPECT_EQ(run_in_child([] {}, 60), TrialEnd::done);
  EXPECT_EQ(run_in_child([] { throw InputError("wrong"); }, 60), TrialEnd::threw);
  EXPECT_EQ(run_in_child([] { std::raise(SIGSEGV); }, 60), TrialEnd::crashed);
  EXPECT_EQ(run_in_child([] { std::abort(); }, 60), TrialEnd::crashed);
  EXPECT_EQ(run_in_child([] { std::_Exit(1); }, 60), TrialEnd::crashed) << "as sanitizers end";
}

TEST(CrashGuard, EndsAChildThatIsStuck) {
  EXPECT_EQ(run_in_child(
                [] {
                  for (volatile int64_t i = 0;; i = i + 1) {
                  }
                },
                1),
            TrialEnd::stuck);
  EXPECT_THAT(message_of([] { require_survived(TrialEnd::stuck, "no-such.h5ad"); }),
              HasSubstr("no-such.h5ad: the file is damaged: reading it took HDF5 more than 60 s"));
  require_survived(TrialEnd::done, "a.h5ad");
  require_survived(TrialEnd::threw, "a.h5ad");  // the caller runs the work again, for its error
}

TEST(CrashGuard, SharesMemoryAlone) {
  const auto shared = shared_zeros({2, 3}, torch::kFloat64);
  auto* to = shared.mutable_data_ptr<double>();
  int own = 1;
  EXPECT_EQ(run_in_child([&] { to[5] = own = 7; }, 60), TrialEnd::done);
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

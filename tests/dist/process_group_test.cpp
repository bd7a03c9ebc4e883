#include "monge/dist/process_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "tests/support/ranks.h"
#include "tests/support/support.h"

namespace monge::dist {
namespace {

using monge::testing::message_of;
using monge::testing::run_ranks;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The sizes lie on both sides of the change of algorithm, and some cannot be divided equally.
TEST(ProcessGroup, SumsAreThoseOfAllRanksWithTheSameBits) {
  for (const int64_t ranks : {2, 3, 5}) {
    for (const auto type : {torch::kFloat32, torch::kFloat64, torch::kInt64}) {
      for (const int64_t count : {1, 7, 3000, 100'003}) {
        std::vector<torch::Tensor> own, sums(static_cast<size_t>(ranks));
        for (int64_t r = 0; r < ranks; ++r) own.push_back((torch::randn({count}, torch::kFloat64) * 1000).to(type));
        run_ranks(ranks, [&](auto& group) {
          const auto from = own[static_cast<size_t>(group.rank())].clone();
          const auto to = torch::empty_like(from);
          group.start_sum(from, to)->wait();
          EXPECT_TRUE(torch::equal(from, own[static_cast<size_t>(group.rank())])) << "the input was changed";
          group.sum(from);  // in place
          EXPECT_TRUE(torch::equal(from, to));
          sums[static_cast<size_t>(group.rank())] = to;
        });
        const auto exact = torch::stack(own).to(torch::kFloat64).sum(0);
        EXPECT_LT((sums[0].to(torch::kFloat64) - exact).abs().max().item<double>(),
                  type == torch::kFloat32 ? 2e-3 : 1e-9);
        for (const auto& sum : sums) EXPECT_TRUE(torch::equal(sum, sums[0])) << ranks << " ranks, " << count;
      }
    }
  }
}

TEST(ProcessGroup, SeveralSumsMayBeUnderWay) {
  run_ranks(3, [](auto& group) {
    std::vector<torch::Tensor> tensors;
    std::vector<std::unique_ptr<Work>> works;
    for (int i = 0; i < 20; ++i) {
      tensors.push_back(torch::full({1000 + i * 3000}, static_cast<double>(i + group.rank())));
      works.push_back(group.start_sum(tensors.back(), tensors.back()));
    }
    for (int i = 0; i < 20; ++i) {
      works[static_cast<size_t>(i)]->wait();
      EXPECT_EQ(tensors[static_cast<size_t>(i)].min().template item<float>(), 3 * i + 3);
      EXPECT_EQ(tensors[static_cast<size_t>(i)].max().template item<float>(), 3 * i + 3);
    }
  });
}

TEST(ProcessGroup, BroadcastsAndGathers) {
  run_ranks(4, [](auto& group) {
    const auto tensor = torch::full({2, 700'000}, static_cast<double>(group.rank()));
    group.broadcast(tensor.t(), 2);  // not contiguous
    EXPECT_EQ(tensor.min().template item<float>(), 2);
    EXPECT_EQ(group.broadcast(text("from ", group.rank()), 3), "from 3");
    EXPECT_THAT(group.gather(std::string(static_cast<size_t>(group.rank()), 'x')),
                ::testing::ElementsAre("", "x", "xx", "xxx"));
    const auto rows =
        group.gather_rows(torch::full({group.rank(), 2}, static_cast<double>(group.rank())));  // rank 0 has none
    EXPECT_EQ(rows.size(0), 6);
    EXPECT_EQ(rows.sum().template item<float>(), 2 * (1 + 4 + 9));
    EXPECT_EQ(group.location().local_rank, group.rank());
    EXPECT_EQ(group.location(3).local_size, 4);
    group.close();
  });
}

TEST(ProcessGroup, NamesTheRankThatDiffers) {
  run_ranks(3, [](auto& group) {
    group.require_same("a number", "7");
    EXPECT_THAT(message_of([&] { group.require_same("source.path", group.rank() == 2 ? "5 items" : "4 items"); }),
                AllOf(HasSubstr("source.path"), HasSubstr("4 items on rank 0 on host"),
                      HasSubstr("5 items on rank 2 on host")));
  });
}

TEST(ProcessGroup, ABrokenConnectionIsAnErrorThatNamesTheRank) {
  run_ranks(2, [](auto& group) {
    if (group.rank() == 1) return;  // leaves without close()
    EXPECT_THAT(message_of([&] { group.barrier(); }), HasSubstr("connection"));
  });
}

TEST(ProcessGroup, OneRankCopies) {
  ProcessGroup group;
  EXPECT_EQ(group.size(), 1);
  const auto from = torch::randn({5}), to = torch::empty({5});
  group.start_sum(from, to)->wait();
  EXPECT_TRUE(torch::equal(from, to));
  EXPECT_THAT(group.gather("x"), ::testing::ElementsAre("x"));
}

// Every operation of a single rank is a copy or nothing, so that callers need no branch.
TEST(ProcessGroup, TheSingleGroupSendsNothing) {
  auto& group = ProcessGroup::single();
  EXPECT_EQ(&group, &ProcessGroup::single());
  EXPECT_EQ(group.size(), 1);
  EXPECT_TRUE(group.is_root());
  EXPECT_FALSE(group.launched());
  EXPECT_FALSE(group.sends(torch::kCPU));
  EXPECT_FALSE(group.sends(torch::kCUDA));
  EXPECT_EQ(group.transport_name(), "none");
  EXPECT_EQ(group.location().local_size, 1);
  const auto values = torch::randn({5}), before = values.clone();
  group.sum(values);
  group.broadcast(values);
  EXPECT_TRUE(torch::equal(values, before));
  EXPECT_TRUE(group.gather_rows(values).is_same(values));
  EXPECT_EQ(group.broadcast("x"), "x");
  EXPECT_NO_THROW(group.require_same("a number", "7"));
  group.barrier();
  EXPECT_EQ(group.progress().entered, 0);
}

TEST(ProcessGroup, TheSingleGroupIsSharedAndTakesNoGpuSums) {
  EXPECT_THAT(message_of([] { ProcessGroup::single().use_gpu(nullptr); }), HasSubstr("need a group of their own"));
}

TEST(ProcessGroup, KnowsWhetherALauncherStartedIt) {
  EXPECT_FALSE(ProcessGroup().launched());
  EXPECT_TRUE(ProcessGroup(nullptr, /*launched=*/true).launched());
  run_ranks(2, [](auto& group) { EXPECT_TRUE(group.launched()); });
}

TEST(ProcessGroup, DividesIntoSlices) {
  EXPECT_EQ(slice_of_batch(8, ProcessGroup::single()).length, 8);
  EXPECT_EQ(slice_of(7, ProcessGroup::single()).length, 7);
  run_ranks(3, [](auto& group) {
    EXPECT_EQ(slice_of_batch(12, group).begin, 4 * group.rank());
    EXPECT_THAT(message_of([&] { slice_of_batch(64, group); }),
                AllOf(HasSubstr("train.batch"), HasSubstr("got 64"), HasSubstr("multiples of 3"), HasSubstr("66")));
    int64_t covered = 0;
    for (const auto& length : group.gather(std::to_string(slice_of(7, group).length))) covered += std::stoll(length);
    EXPECT_EQ(covered, 7);
  });
}

}  // namespace
}  // namespace monge::dist

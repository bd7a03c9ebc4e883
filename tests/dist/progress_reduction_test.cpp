#include "monge/dist/progress_reduction.h"

#include <gtest/gtest.h>

#include "tests/support/ranks.h"

namespace monge::dist {
namespace {

TEST(ProgressReduction, AloneHearsAtOnce) {
  ProgressReduction tally(nullptr);
  EXPECT_EQ(tally.done(), 0);
  tally.post(3, 1, false);
  EXPECT_EQ(tally.done(), 3);
  EXPECT_EQ(tally.left_out(), 1);
  EXPECT_FALSE(tally.stop());
  tally.post(4, 1, true);
  EXPECT_TRUE(tally.stop());
}

TEST(ProgressReduction, OfSeveralRanksIsHeardOnePieceLater) {
  int64_t heard = 0;
  testing::run_ranks(3, [&](const std::shared_ptr<ProcessGroup>& group) {
    ProgressReduction tally(group.get());
    tally.post(0, 0, false);
    tally.post(group->rank() + 1, group->rank(), group->rank() == 2);
    EXPECT_EQ(tally.done(), 0);
    EXPECT_FALSE(tally.stop());
    tally.post(5, 0, false);
    EXPECT_EQ(tally.done(), 1 + 2 + 3);
    EXPECT_EQ(tally.left_out(), 0 + 1 + 2);
    EXPECT_TRUE(tally.stop());
    tally.receive();
    EXPECT_EQ(tally.done(), 15);
    tally.receive();  // once more is nothing
    EXPECT_EQ(tally.done(), 15);
    if (group->is_root()) heard = tally.done();
    // One that is not heard any more delays nobody: the next operation is as good as ever.
    tally.post(6, 0, false);
    group->barrier();
  });
  EXPECT_EQ(heard, 15);
}

// Together they cover everything once, in equally many pieces.
TEST(WorkPartition, CoverAllOnceInEquallyMany) {
  for (const int64_t ranks : {1, 2, 5}) {
    for (const int64_t count : {1, 4, 12, 13}) {
      std::vector<std::vector<Slice>> of_rank(static_cast<size_t>(ranks));
      testing::run_ranks(ranks, [&](const std::shared_ptr<ProcessGroup>& group) {
        const WorkPartition pieces(count, 3, group.get());
        for (int64_t i = 0; i < pieces.count(); ++i) of_rank[static_cast<size_t>(group->rank())].push_back(pieces[i]);
      });
      int64_t at = 0;
      for (const auto& pieces : of_rank) {
        EXPECT_EQ(pieces.size(), of_rank[0].size());
        for (const auto& piece : pieces) {
          EXPECT_EQ(piece.begin, at);
          EXPECT_LE(piece.length, 3);
          at += piece.length;
        }
      }
      EXPECT_EQ(at, count);
    }
  }
  EXPECT_EQ(WorkPartition(0, 3, nullptr).count(), 0);
}

}  // namespace
}  // namespace monge::dist

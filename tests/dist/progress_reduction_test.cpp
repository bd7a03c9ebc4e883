#include "monge/dist/progress_reduction.h"

#include <gtest/gtest.h>

#include "tests/support/ranks.h"

namespace monge::dist {
namespace {

TEST(ProgressReduction, ASingleRankReadsItsCountsAtOnce) {
  ProgressReduction progress(ProcessGroup::single());
  EXPECT_EQ(progress.done(), 0);
  progress.post(3, 1, false);
  EXPECT_EQ(progress.done(), 3);
  EXPECT_EQ(progress.left_out(), 1);
  EXPECT_FALSE(progress.stop());
  progress.post(4, 1, true);
  EXPECT_TRUE(progress.stop());
}

TEST(ProgressReduction, SeveralRanksReadTheGlobalCountsOnePieceLater) {
  int64_t received = 0;
  testing::run_ranks(3, [&](ProcessGroup& group) {
    ProgressReduction progress(group);
    progress.post(0, 0, false);
    progress.post(group.rank() + 1, group.rank(), group.rank() == 2);
    EXPECT_EQ(progress.done(), 0);
    EXPECT_FALSE(progress.stop());
    progress.post(5, 0, false);
    EXPECT_EQ(progress.done(), 1 + 2 + 3);
    EXPECT_EQ(progress.left_out(), 0 + 1 + 2);
    EXPECT_TRUE(progress.stop());
    progress.receive();
    EXPECT_EQ(progress.done(), 15);
    progress.receive();  // a second call does nothing
    EXPECT_EQ(progress.done(), 15);
    if (group.is_root()) received = progress.done();
    // Counts that nobody receives delay no rank, and the next operation works as usual.
    progress.post(6, 0, false);
    group.barrier();
  });
  EXPECT_EQ(received, 15);
}

TEST(WorkPartition, CoversEverythingOnceInEquallyManyPieces) {
  for (const int64_t ranks : {1, 2, 5}) {
    for (const int64_t count : {1, 4, 12, 13}) {
      std::vector<std::vector<Slice>> of_rank(static_cast<size_t>(ranks));
      testing::run_ranks(ranks, [&](ProcessGroup& group) {
        const WorkPartition pieces(count, 3, group);
        for (int64_t i = 0; i < pieces.count(); ++i) of_rank[static_cast<size_t>(group.rank())].push_back(pieces[i]);
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
  EXPECT_EQ(WorkPartition(0, 3, ProcessGroup::single()).count(), 0);
}

}  // namespace
}  // namespace monge::dist

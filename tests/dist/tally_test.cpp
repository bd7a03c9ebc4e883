#include "monge/dist/tally.h"

#include <gtest/gtest.h>

#include "tests/support/ranks.h"

namespace monge::dist {
namespace {

TEST(Tally, AloneHearsAtOnce) {
  Tally tally(nullptr);
  EXPECT_EQ(tally.done(), 0);
  tally.tell(3, 1, false);
  EXPECT_EQ(tally.done(), 3);
  EXPECT_EQ(tally.left_out(), 1);
  EXPECT_FALSE(tally.stop());
  tally.tell(4, 1, true);
  EXPECT_TRUE(tally.stop());
}

TEST(Tally, OfSeveralRanksIsHeardOnePieceLater) {
  int64_t heard = 0;
  testing::run_ranks(3, [&](const std::shared_ptr<World>& world) {
    Tally tally(world.get());
    tally.tell(0, 0, false);
    tally.tell(world->rank() + 1, world->rank(), world->rank() == 2);
    EXPECT_EQ(tally.done(), 0);
    EXPECT_FALSE(tally.stop());
    tally.tell(5, 0, false);
    EXPECT_EQ(tally.done(), 1 + 2 + 3);
    EXPECT_EQ(tally.left_out(), 0 + 1 + 2);
    EXPECT_TRUE(tally.stop());
    tally.hear();
    EXPECT_EQ(tally.done(), 15);
    tally.hear();  // once more is nothing
    EXPECT_EQ(tally.done(), 15);
    if (world->leads()) heard = tally.done();
    // One that is not heard any more delays nobody: the next operation is as good as ever.
    tally.tell(6, 0, false);
    world->barrier();
  });
  EXPECT_EQ(heard, 15);
}

// Together they cover everything once, in equally many pieces.
TEST(Pieces, CoverAllOnceInEquallyMany) {
  for (const int64_t ranks : {1, 2, 5}) {
    for (const int64_t count : {1, 4, 12, 13}) {
      std::vector<std::vector<Share>> of_rank(static_cast<size_t>(ranks));
      testing::run_ranks(ranks, [&](const std::shared_ptr<World>& world) {
        const Pieces pieces(count, 3, world.get());
        for (int64_t i = 0; i < pieces.count(); ++i) of_rank[static_cast<size_t>(world->rank())].push_back(pieces[i]);
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
  EXPECT_EQ(Pieces(0, 3, nullptr).count(), 0);
}

}  // namespace
}  // namespace monge::dist

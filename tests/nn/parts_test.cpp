#include "monge/nn/parts.h"

#include <gtest/gtest.h>

#include <mutex>
#include <vector>

namespace monge::nn {
namespace {

using Piece = std::pair<int64_t, int64_t>;

std::vector<Piece> pieces(int64_t count, int64_t most, int64_t step, int64_t threads) {
  PieceQueue queue(count, most, step, threads);
  std::vector<Piece> out;
  for (int64_t begin = 0, end = 0; queue.take(begin, end);) out.emplace_back(begin, end);
  return out;
}

TEST(PieceQueue, WholePiecesFirstThenEvenSharesOfTheRest) {
  EXPECT_EQ(pieces(1024, 224, 14, 2),
            (std::vector<Piece>{{0, 224}, {224, 448}, {448, 672}, {672, 896}, {896, 966}, {966, 1024}}));
  EXPECT_EQ(pieces(5, 100, 1, 2), (std::vector<Piece>{{0, 3}, {3, 5}}));
  EXPECT_EQ(pieces(3, 1, 1, 2), (std::vector<Piece>{{0, 1}, {1, 2}, {2, 3}}));
  EXPECT_EQ(pieces(10, 4, 16, 4), (std::vector<Piece>{{0, 10}}));
  EXPECT_TRUE(pieces(0, 4, 1, 4).empty());
}

TEST(PieceQueue, EveryItemIsInExactlyOnePiece) {
  for (const int64_t count : {1, 2, 13, 14, 15, 63, 64, 1000}) {
    for (const int64_t most : {1, 7, 64}) {
      for (const int64_t step : {1, 14}) {
        for (const int64_t threads : {1, 2, 3, 8}) {
          int64_t next = 0;
          for (const auto& [begin, end] : pieces(count, most, step, threads)) {
            ASSERT_EQ(begin, next);
            ASSERT_LE(end - begin, (most + step - 1) / step * step);
            next = end;
          }
          ASSERT_EQ(next, count) << most << ' ' << step << ' ' << threads;
        }
      }
    }
  }
}

TEST(ForParts, PartsAreEvenAndEachIsComputedOnce) {
  std::mutex guard;
  std::vector<Piece> seen(7);
  for_parts(100, 7, [&](int64_t part, int64_t begin, int64_t end) {
    const std::lock_guard lock(guard);
    ASSERT_EQ(seen[static_cast<size_t>(part)], Piece{});
    seen[static_cast<size_t>(part)] = {begin, end};
  });
  for (int64_t part = 0; part < 7; ++part)
    EXPECT_EQ(seen[static_cast<size_t>(part)], Piece(100 * part / 7, 100 * (part + 1) / 7));
}

}  // namespace
}  // namespace monge::nn

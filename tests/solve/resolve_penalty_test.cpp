// The penalty that images get by default.
#include <gmock/gmock.h>

#include "monge/solve/options.h"

namespace monge::solve {
namespace {

using ::testing::HasSubstr;

TEST(ResolvePenalty, IsScaledByTheCostForImages) {
  for (const char* scale : {"mean", "half"}) {
    SolverOptions options;
    options.cost.scale = scale;
    EXPECT_THAT(resolve_penalty(options, {3, 32, 32}), HasSubstr("potential.r1"));
    // 2 tau r1 is the same fraction of the cost, whatever its scale and the size of the images.
    EXPECT_NEAR(2 * ot::cost_scale(scale, 3072) * options.potential.r1.value_or(0), 0.006, 1e-12) << scale;
    EXPECT_EQ(options.potential.r1_every, 4);
    EXPECT_EQ(resolve_penalty(options, {3, 32, 32}), "");  // it stays
  }
}

TEST(ResolvePenalty, LeavesVectorsAndGivenWeights) {
  SolverOptions vectors;
  EXPECT_EQ(resolve_penalty(vectors, {64}), "");
  EXPECT_EQ(vectors.potential.r1, AutoNumber(0));
  EXPECT_EQ(vectors.potential.r1_every, 1);

  SolverOptions given;
  given.potential.r1 = 0.5;
  EXPECT_EQ(resolve_penalty(given, {3, 32, 32}), "");
  EXPECT_EQ(given.potential.r1, AutoNumber(0.5));
  EXPECT_EQ(given.potential.r1_every, 1);
}

}  // namespace
}  // namespace monge::solve

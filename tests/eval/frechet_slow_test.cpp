// The size of a real FID: 10,000 x 2048 features a side.
#include <gtest/gtest.h>

#include <chrono>

#include "monge/core/random.h"
#include "monge/eval/frechet.h"

namespace monge::eval {
namespace {

TEST(FrechetSlow, TakesTenThousandImagesOfInception) {
  const auto began = std::chrono::steady_clock::now();
  const auto side = [](int64_t seed, double shift) {
    MomentSum sum;
    const RandomStreams streams(static_cast<uint64_t>(seed));
    for (int64_t batch = 0; batch < 10; ++batch)
      sum.add(torch::randn({1000, 2048}, streams.at("features", batch)) + shift);
    return sum.moments();
  };
  const double distance = frechet_distance(side(1, 0), side(2, 0.1));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  RecordProperty("seconds", std::to_string(seconds));
  std::printf("two sets of 10,000 x 2048 features and their distance: %.1f s\n", seconds);
  // |m|^2 = 2048 * 0.01; the rest is the bias of 10,000 samples, F (F + 1) / (2 n) for equal covariances of one.
  const double bias = 2048.0 * 2049 / (2 * 10000);
  EXPECT_NEAR(distance, 20.48 + bias, 0.15 * (20.48 + bias));
}

}  // namespace
}  // namespace monge::eval

#include "monge/nn/pooled_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/nn/ddpm.h"
#include "monge/nn/unet.h"
#include "tests/support/support.h"

namespace monge::nn {
namespace {

/// A sample with another brightness and contrast than others.
torch::Tensor sample(double mean, double deviation) { return torch::randn({1, 3, 32, 32}) * deviation + mean; }

TEST(PooledStatistics, OfOneBatchAreThoseOfItsPixelsTogether) {
  torch::manual_seed(1);
  const auto x = torch::cat({sample(1, 2), sample(-2, 0.5)}).narrow(1, 0, 2).repeat({1, 3, 1, 1});
  const auto weight = torch::randn({6}), bias = torch::randn({6});
  PooledStatistics statistics;
  // The samples side by side are one sample with the same pixels.
  const auto joined = torch::cat({x.narrow(0, 0, 1), x.narrow(0, 1, 1)}, 3);
  const auto expected = torch::group_norm(joined, 3, weight, bias, 1e-5);
  const auto got = statistics.group_norm(&weight, x, 3, weight, bias, 1e-5);
  EXPECT_LT(testing::relative_error(torch::cat({got.narrow(0, 0, 1), got.narrow(0, 1, 1)}, 3), expected), 1e-5);
}

TEST(PooledStatistics, LeaveMarginsOut) {
  torch::manual_seed(1);
  const auto weight = torch::ones({3}), bias = torch::zeros({3});
  auto x = torch::full({1, 3, 16, 16}, 100.0F);
  const auto inner = sample(1, 2).narrow(2, 0, 12).narrow(3, 0, 8);
  x.narrow(2, 2, 12).narrow(3, 4, 8).copy_(inner);
  PooledStatistics statistics(0.125, 0.25);
  const auto got = statistics.group_norm(&weight, x, 3, weight, bias, 1e-5);
  EXPECT_LT(testing::relative_error(got.narrow(2, 2, 12).narrow(3, 4, 8), torch::group_norm(inner, 3)), 1e-5);
}

TEST(PooledStatistics, OfSeveralBatchesArePooledAndAppliedToAll) {
  torch::manual_seed(1);
  const auto weight = torch::ones({3}), bias = torch::zeros({3});
  PooledStatistics statistics;
  std::vector<torch::Tensor> samples = {sample(1, 2), sample(-2, 0.5), sample(5, 1)};
  for (const auto& x : samples) statistics.group_norm(&weight, x, 1, weight, bias, 1e-5);
  statistics.apply();
  const auto expected = torch::group_norm(torch::cat(samples, 3), 1, weight, bias, 1e-5);
  const auto got = statistics.group_norm(&weight, samples[1], 1, weight, bias, 1e-5);
  EXPECT_LT(testing::relative_error(got, expected.narrow(3, 32, 32)), 1e-5);
  EXPECT_THAT(testing::message_of([&] { statistics.group_norm(&bias, samples[0], 1, weight, bias, 1e-5); }),
              ::testing::HasSubstr("no recorded statistics"));
}

TEST(PooledStatistics, TokensAreScatteredOverTheBatchAndThenSharedByAllParts) {
  // A token holds its place: sample, row and column of 2 samples of 32 x 32 pixels.
  const auto place = torch::arange(2 * 32 * 32, torch::kFloat32).view({2, 32 * 32, 1});
  PooledStatistics statistics;
  const int layer = 0, other = 0;
  const auto own = statistics.tokens(&layer, place);
  ASSERT_EQ(own.sizes(), (std::vector<int64_t>{1, 512, 1}));
  const auto kept = own.flatten().to(torch::kInt64);
  EXPECT_EQ(std::get<0>(torch::_unique(kept)).numel(), 512) << "no token twice";
  EXPECT_EQ(std::get<0>(torch::_unique(kept.remainder(32))).numel(), 32) << "all columns";
  EXPECT_EQ(std::get<0>(torch::_unique(kept.floor_divide(32))).numel(), 64) << "all rows of both samples";
  const auto few = torch::full({1, 3, 1}, -1.0F);
  EXPECT_TRUE(torch::equal(statistics.tokens(&layer, few), few)) << "fewer than 512 are all taken";
  statistics.apply();
  EXPECT_TRUE(torch::equal(statistics.tokens(&layer, place), torch::cat({own, few}, 1)));
  EXPECT_THAT(testing::message_of([&] { statistics.tokens(&other, few); }), ::testing::HasSubstr("recorded nothing"));
}

template <class Net>
void expect_shared_statistics(Net& net) {
  const torch::NoGradGuard no_grad;
  net.eval();
  const auto x = torch::cat({sample(0, 1), sample(0.5, 0.1)});
  const auto own = net.forward(x);
  const auto statistics = std::make_shared<PooledStatistics>();
  net.use_statistics(statistics);
  net.forward(x);
  statistics->apply();
  const auto shared = net.forward(x);
  EXPECT_GT(testing::relative_error(shared, own), 0.05);
  // With fixed statistics a sample's output does not depend on its company, and the recorded batch gives itself back.
  EXPECT_LT(testing::relative_error(net.forward(x.narrow(0, 1, 1)), shared.narrow(0, 1, 1)), 1e-4);
  net.use_statistics(nullptr);
  EXPECT_TRUE(torch::equal(net.forward(x), own));
  // For one sample they are its own.
  const auto one = std::make_shared<PooledStatistics>();
  net.use_statistics(one);
  EXPECT_LT(testing::relative_error(net.forward(x.narrow(0, 0, 1)), own.narrow(0, 0, 1)), 1e-4);
}

TEST(PooledStatistics, AreUsedByTheUNet) {
  torch::manual_seed(2);
  UNet net({.base = 8, .depth = 2, .norm = "group"});
  expect_shared_statistics(net);
}

TEST(PooledStatistics, AreUsedByTheDdpmMap) {
  torch::manual_seed(2);
  DdpmMap net({.in = 3, .out = 3, .width = 16, .depth = 2});
  expect_shared_statistics(net);
}

/// Changes one pixel far inside and finds how far away outputs change. Maxima and zeros may hide the farthest ones.
int64_t seen_reach(MapNet& net) {
  const torch::NoGradGuard no_grad;
  const int64_t side = 256, middle = 128;
  auto x = torch::randn({1, 3, side, side});
  const auto before = net.forward(x);
  x[0][0][middle][middle] += 3;
  const auto changed = (net.forward(x) - before).abs().amax({0, 1, 2}) > 0;
  int64_t reach = 0;
  for (int64_t i = 0; i < side; ++i) {
    if (changed[i].item<bool>()) reach = std::max(reach, std::abs(i - middle));
  }
  return reach;
}

TEST(ImageSizes, StateHowFarPixelsReach) {
  torch::manual_seed(4);
  for (const int64_t depth : {1, 2, 3}) {
    const UNetOptions options{.base = 8, .depth = depth};
    UNet net(options);
    net.eval();
    const int64_t reach = image_sizes(options).reach;
    EXPECT_LE(seen_reach(net), reach) << depth;
    EXPECT_GE(seen_reach(net), reach / 2) << depth;
  }
  const auto sizes = image_sizes(UNetOptions{.depth = 3, .norm = "group", .patch = 2});
  EXPECT_EQ(sizes.multiple, 16);
  EXPECT_EQ(sizes.least, 16);
  EXPECT_TRUE(sizes.uses_whole_image);
}

}  // namespace
}  // namespace monge::nn

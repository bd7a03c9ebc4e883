#include "monge/core/item_draws.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/random.h"

namespace monge {
namespace {

std::vector<torch::Generator> streams(int64_t items) {
  std::vector<torch::Generator> out;
  for (int64_t block = 0; block < ItemDraws::blocks_of(items); ++block)
    out.push_back(RandomStreams(3).at("z " + std::to_string(block), 0));
  return out;
}

TEST(ItemDraws, PartsAreThoseOfTheWhole) {
  constexpr int64_t whole = 700;
  const ItemDraws all(streams(whole), 0, whole, whole);
  const auto levels = all.normal_of_whole(whole), noise = all.normal({whole, 2, 3});
  for (const auto& [begin, length] :
       {std::pair<int64_t, int64_t>{0, 10}, {0, 256}, {200, 100}, {255, 2}, {300, 400}, {0, 700}, {699, 1}}) {
    const ItemDraws part(streams(whole), begin, length, whole);
    EXPECT_TRUE(torch::equal(part.normal_of_whole(whole), levels));
    EXPECT_TRUE(torch::equal(part.own(levels), levels.narrow(0, begin, length)));
    EXPECT_TRUE(torch::equal(part.normal({length, 2, 3}), noise.narrow(0, begin, length))) << begin << " " << length;
  }
}

TEST(ItemDraws, OneStreamIsDrawnFromAsEver) {
  const ItemDraws draws(RandomStreams(1).at("z", 0));
  auto generator = RandomStreams(1).at("z", 0);
  EXPECT_TRUE(torch::equal(draws.normal({1000, 3}), torch::randn({1000, 3}, generator, torch::kFloat32)));
  EXPECT_TRUE(torch::equal(draws.uniform_of_whole(7), torch::rand({7}, generator, torch::kFloat32)));
}

TEST(ItemDraws, BlocksAreIndependent) {
  const auto noise = ItemDraws(streams(1024), 0, 1024, 1024).normal({1024});
  EXPECT_LT(std::abs(noise.mean().item<double>()), 0.1);
  EXPECT_NEAR(noise.std().item<double>(), 1, 0.1);
  EXPECT_FALSE(torch::equal(noise.narrow(0, 0, 256), noise.narrow(0, 256, 256)));
}

}  // namespace
}  // namespace monge

// Nested and concurrent initialisations; module_test.cpp has the single one.
#include "monge/nn/seeded.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <thread>
#include <vector>

namespace monge::nn {
namespace {

torch::Tensor drawn_from(uint64_t seed) {
  const SeededInitialisation seeded(seed);
  const auto first = torch::randn({500});
  std::this_thread::yield();
  return torch::cat({first, torch::randn({500})});
}

TEST(SeededInitialisation, MayBeNested) {
  const SeededInitialisation outer(1);
  EXPECT_TRUE(torch::equal(drawn_from(7), drawn_from(7)));
  const auto first = torch::randn({2});
  const SeededInitialisation again(1);
  EXPECT_TRUE(torch::equal(first, torch::randn({2})));  // what was drawn within did not count
}

// Ranks that are threads build their nets at the same time.
TEST(SeededInitialisation, GivesEachThreadTheDrawsOfItsSeed) {
  const auto expected = drawn_from(3);
  std::vector<std::thread> threads;
  std::vector<int64_t> wrong(4);
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int64_t k = 0; k < 200; ++k) {
        if (!torch::equal(drawn_from(t % 2 == 0 ? 3 : 4), t % 2 == 0 ? expected : drawn_from(4))) ++wrong[t];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const int64_t count : wrong) EXPECT_EQ(count, 0);
}

}  // namespace
}  // namespace monge::nn

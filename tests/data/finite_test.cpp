#include "monge/data/finite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/support.h"

namespace monge::data {
namespace {

/// Counts how often its name is made.
class Named : public FiniteSource {
 public:
  std::string name() const override {
    ++asked;
    return "a set";
  }
  std::vector<int64_t> item_shape() const override { return {1}; }
  int64_t size() const override { return 3; }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override {
    check(indices);
    return torch::zeros({static_cast<int64_t>(indices.size()), 1});
  }
  mutable int asked = 0;
};

TEST(FiniteSource, NamesItselfOnlyToComplain) {
  const Named source;
  for (int i = 0; i < 100; ++i) source.stored_items({0, 1, 2});
  EXPECT_EQ(source.asked, 0);
  EXPECT_EQ(monge::testing::message_of([&] { source.stored_items({0, 3}); }),
            "a set: item 3 does not exist; the items are 0 to 2");
  EXPECT_EQ(monge::testing::message_of([&] { source.stored_items({-1}); }),
            "a set: item -1 does not exist; the items are 0 to 2");
}

}  // namespace
}  // namespace monge::data

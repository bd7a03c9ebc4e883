#include "monge/data/item_label.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/data/split.h"
#include "monge/data/tensor_source.h"
#include "tests/data/named_table.h"

namespace monge::data {
namespace {

TEST(ItemLabel, NamesARowOfTheWholeTable) {
  const auto rows = std::make_shared<TensorSource>("t", torch::zeros({30, 2}));
  EXPECT_EQ(item_label(*rows, 0), "row 0 (counted from 0)");
  EXPECT_EQ(item_label(*rows, 17), "row 17 (counted from 0)");
  EXPECT_EQ(item_label(*hold_out(rows, 5).held_out, 0), "row 25 (counted from 0)");
}

TEST(ItemLabel, TakesTheNamesThatThereAre) {
  const NamedTable named("t", torch::zeros({2, 1}, torch::kFloat64),
                         {.columns = {}, .rows = {"r0", "r1"}, .index = ""});
  EXPECT_EQ(item_label(named, 1), "row \"r1\"");
  const TensorSource images("i", torch::zeros({2, 3, 8, 8}), {"a.png", "b.png"});
  EXPECT_EQ(item_label(images, 1), "\"b.png\"");
}

}  // namespace
}  // namespace monge::data

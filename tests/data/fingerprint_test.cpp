#include "monge/data/fingerprint.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>

#include "monge/core/random.h"
#include "monge/data/row_source.h"
#include "monge/data/tensor_source.h"
#include "monge/data/toys.h"
#include "tests/data/named_table.h"

namespace monge::data {
namespace {

torch::Tensor rows(int64_t count) { return torch::rand({count, 3}, RandomStreams(7).at("rows", 0), torch::kFloat64); }

std::string of(const torch::Tensor& values) { return fingerprint(NamedTable("t", values)); }

TEST(Fingerprint, SeesEveryRowOfASmallTableAndTheEndsOfALargeOne) {
  for (const auto& [count, places] :
       {std::pair{int64_t{500}, std::vector<int64_t>{0, 1, 250, 499}}, {int64_t{100'000}, {0, 99'999}}}) {
    const auto values = rows(count);
    const auto before = of(values);
    EXPECT_EQ(before.size(), 16u);
    EXPECT_EQ(of(values.clone()), before);
    for (const int64_t place : places) {
      auto changed = values.clone();
      changed[place][2] += 1e-12;  // below what float32 would see
      EXPECT_NE(of(changed), before) << count << " rows, row " << place;
    }
  }
}

TEST(Fingerprint, IsOfTheShapeToo) {
  EXPECT_NE(of(torch::zeros({6, 2}, torch::kFloat64)), of(torch::zeros({4, 3}, torch::kFloat64)));
  EXPECT_FALSE(of(torch::ones({1, 1}, torch::kFloat64)).empty());
}

TEST(Fingerprint, IsEmptyWhereThereIsNothingToCompare) {
  EXPECT_EQ(fingerprint(TensorSource("images", torch::zeros({4, 3, 8, 8}))), "");
  EXPECT_EQ(fingerprint(*open_toy("toy:moons")), "");
  auto bad = rows(10).to(torch::kFloat32);
  bad[3][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(fingerprint(RowSource("r", bad)), "") << "the training reports it when it is drawn";
}

}  // namespace
}  // namespace monge::data

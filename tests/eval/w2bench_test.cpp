// The metrics of the true map on stored points of benchmark pairs: a small one of tests/fixtures (make_w2bench.py), and
// those of the Wasserstein-2 benchmark in ../shared, to the six digits of their README.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/eval/push_forward_error.h"
#include "monge/io/safetensors.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

struct Row {
  int64_t dim;
  double uvp, cosine, identity_uvp;
};

void expect_metrics(const std::filesystem::path& path, const Row& row) {
  const auto file = io::read_safetensors(path);
  const auto get = [&](const char* key) { return file.at(key, path.string()).to(torch::kFloat64); };
  const auto x = get("X"), y = get("Y");
  const auto linear = torch::matmul(x, get("linear/weight").t()) + get("linear/bias");
  const double variance = get("out_var").item<double>();
  EXPECT_NEAR(l2_uvp(linear, y, variance), row.uvp, 6e-7);
  EXPECT_NEAR(displacement_cosine(x, linear, y), row.cosine, 6e-7);
  EXPECT_NEAR(l2_uvp(x, y, variance), row.identity_uvp, 6e-7);
  EXPECT_EQ(displacement_cosine(x, x, y), 0);
}

TEST(PushForwardError, OfTheCommittedPairIsThatOfNumpy) {
  const auto path = monge::testing::fixtures_folder() / "w2bench/3.safetensors";
  const auto expected = io::read_safetensors(path).at("figures", path.string());
  expect_metrics(path, {3, expected[0].item<double>(), expected[1].item<double>(), expected[2].item<double>()});
}

TEST(W2Benchmark, GivesTheFiguresOfTheLinearMap) {
  MONGE_NEEDS_SHARED("fixtures/w2bench");
  for (const Row& row : {Row{2, 13.810304, 0.759334, 32.612214}, Row{16, 41.403978, 0.735565, 87.901627},
                         Row{64, 63.656914, 0.748450, 134.105602}}) {
    expect_metrics(monge::testing::shared_folder() / "fixtures/w2bench" / (std::to_string(row.dim) + ".safetensors"),
                   row);
  }
}

}  // namespace
}  // namespace monge::eval

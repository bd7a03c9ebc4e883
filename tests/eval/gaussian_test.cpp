#include "monge/eval/gaussian.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using monge::testing::message_of;
using ::testing::HasSubstr;

torch::Tensor random_covariance(int64_t dim, const torch::Generator& stream) {
  const auto root = torch::randn({dim, dim}, stream, torch::kFloat64);
  return torch::matmul(root, root.t()) + 0.1 * torch::eye(dim, torch::kFloat64);
}

TEST(GaussianMap, OfOneDimensionIsAffine) {
  const auto map =
      gaussian_ot_map(torch::tensor({1.0}), torch::tensor({{4.0}}), torch::tensor({-2.0}), torch::tensor({{9.0}}));
  EXPECT_NEAR(map.A.item<double>(), 1.5, 1e-12);
  EXPECT_NEAR(map.w2_squared, 9 + 1, 1e-9);
  EXPECT_NEAR(map(torch::tensor({{3.0f}})).item<double>(), -2 + 1.5 * 2, 1e-6);
}

TEST(GaussianMap, PushesTheCovarianceAndCostsWhatItSays) {
  const auto stream = RandomStreams(4).at("laws", 0);
  const int64_t dim = 5;
  const auto S_p = random_covariance(dim, stream), S_q = random_covariance(dim, stream);
  const auto m_p = torch::randn({dim}, stream, torch::kFloat64), m_q = torch::randn({dim}, stream, torch::kFloat64);
  const auto map = gaussian_ot_map(m_p, S_p, m_q, S_q);
  EXPECT_LT(monge::testing::relative_error(torch::matmul(map.A, torch::matmul(S_p, map.A)), S_q), 1e-10);
  // E||x - T(x)||^2 = |m_p - m_q|^2 + tr((I - A) S_p (I - A)')
  const auto rest = torch::eye(dim, torch::kFloat64) - map.A;
  const double cost =
      (m_p - m_q).square().sum().item<double>() + torch::matmul(rest, torch::matmul(S_p, rest)).trace().item<double>();
  EXPECT_NEAR(map.w2_squared, cost, 1e-9);
}

TEST(GaussianMap, OfCommutingCovariancesIsTheRatioOfTheirRoots) {
  const auto map = gaussian_ot_map(torch::zeros(2), torch::diag(torch::tensor({1.0, 4.0})), torch::zeros(2),
                                   torch::diag(torch::tensor({9.0, 0.0})));
  EXPECT_TRUE(torch::allclose(map.A, torch::diag(torch::tensor({3.0, 0.0}, torch::kFloat64))));
  EXPECT_NEAR(map.w2_squared, 4 + 4, 1e-9);
}

TEST(GaussianMap, RefusesWhatIsNoCovariance) {
  const auto m = torch::zeros(2), I = torch::eye(2);
  EXPECT_THAT(message_of([&] { gaussian_ot_map(m, torch::diag(torch::tensor({1.0, 0.0})), m, I); }),
              HasSubstr("the source's covariance has the eigenvalue"));
  EXPECT_THAT(message_of([&] { gaussian_ot_map(m, I, m, -I); }),
              HasSubstr("the target's covariance has the eigenvalue -1"));
  EXPECT_THAT(message_of([&] { gaussian_ot_map(m, torch::tensor({{1.0, 0.5}, {0.0, 1.0}}), m, I); }),
              HasSubstr("not symmetric"));
  EXPECT_THAT(message_of([&] { gaussian_ot_map(m, I, torch::zeros(3), I); }), HasSubstr("must be [2, 2]"));
  EXPECT_THAT(message_of([&] { gaussian_ot_map(m, I * NAN, m, I); }), HasSubstr("not finite"));
}

}  // namespace
}  // namespace monge::eval

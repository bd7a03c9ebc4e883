#include "monge/eval/frechet.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "monge/core/random.h"
#include "monge/eval/kernel_distance.h"
#include "monge/io/npy.h"
#include "monge/io/safetensors.h"
#include "tests/support/ranks.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using monge::testing::message_of;
using monge::testing::relative_error;
using ::testing::AllOf;
using ::testing::HasSubstr;

nlohmann::json goldens() {
  return nlohmann::json::parse(std::ifstream(monge::testing::shared_folder() / "fixtures/fid/golden.json"));
}

torch::Tensor feature_golden(const char* name) {
  return io::read_npy(monge::testing::shared_folder() / "fixtures/fid" / name);
}

torch::Tensor normal(int64_t n, int64_t features, uint64_t seed) {
  return torch::randn({n, features}, RandomStreams(seed).at("features", 0), torch::kFloat64);
}

// The sums of ranks are about shifts of their own; one rank has no rows, one fewer than a block.
TEST(FeatureMoments, OfSeveralRanksAreThoseOfAllRows) {
  const auto rows = normal(1300, 5, 1) * torch::tensor({1.0, 2.0, 0.5, 1e-3, 3.0}, torch::kFloat64) + 1e4;
  const auto whole = moments_of(rows);
  const std::vector<std::pair<int64_t, int64_t>> parts{{0, 0}, {0, 700}, {700, 711}, {711, 1300}};
  std::vector<Moments> pooled(4);
  testing::run_ranks(4, [&](dist::ProcessGroup& group) {
    const auto rank = static_cast<size_t>(group.rank());
    MomentSum sum;
    sum.add(rows.slice(0, parts[rank].first, parts[rank].second));
    pooled[rank] = sum.moments(group);
  });
  for (const auto& one : pooled) {
    EXPECT_EQ(one.count, 1300);
    EXPECT_LT(relative_error(one.mean_F, whole.mean_F), 1e-14);
    EXPECT_LT(relative_error(one.covariance_FF, whole.covariance_FF), 1e-11);
    EXPECT_TRUE(torch::equal(one.covariance_FF, pooled[0].covariance_FF));
  }
  EXPECT_THAT(message_of([&] {
                testing::run_ranks(2, [&](dist::ProcessGroup& group) {
                  MomentSum sum;
                  sum.add(rows.narrow(0, 0, group.rank()));
                  sum.moments(group);
                });
              }),
              HasSubstr("at least 2 samples, got 1"));
}

TEST(FeatureMoments, AreThoseOfNumpyOnFarShiftedRows) {
  const auto rows = normal(1300, 5, 1) * torch::tensor({1.0, 2.0, 0.5, 1e-3, 3.0}, torch::kFloat64) + 1e4;
  const auto moments = moments_of(rows);
  EXPECT_EQ(moments.count, 1300);
  EXPECT_LT(relative_error(moments.mean_F, rows.mean(0)), 1e-14);
  const auto centred = rows - rows.mean(0);
  EXPECT_LT(relative_error(moments.covariance_FF, centred.t().matmul(centred) / 1299), 1e-11);
}

TEST(FeatureMoments, DoNotDependOnThePiecesTheyComeIn) {
  const auto rows = normal(1111, 7, 2).to(torch::kFloat32);
  const auto whole = moments_of(rows);
  for (const int64_t piece : {1, 7, 64, 1000}) {
    MomentSum sum;
    for (int64_t begin = 0; begin < rows.size(0); begin += piece) sum.add(rows.slice(0, begin, begin + piece));
    const auto again = sum.moments();
    EXPECT_TRUE(torch::equal(again.mean_F, whole.mean_F)) << piece;
    EXPECT_TRUE(torch::equal(again.covariance_FF, whole.covariance_FF)) << piece;
  }
}

TEST(FeatureMoments, DoNotDependOnTheThreads) {
  const auto rows = normal(2048, 96, 3);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = moments_of(rows);
  at::set_num_threads(2);
  const auto two = moments_of(rows);
  at::set_num_threads(before);
  EXPECT_LT(relative_error(one.covariance_FF, two.covariance_FF), 1e-14);
}

TEST(FeatureMoments, CanBeReadInTheMidstOfASum) {
  const auto rows = normal(900, 3, 4);
  MomentSum sum;
  sum.add(rows.slice(0, 0, 700));
  EXPECT_TRUE(torch::equal(sum.moments().covariance_FF, moments_of(rows.slice(0, 0, 700)).covariance_FF));
  sum.add(rows.slice(0, 700));
  EXPECT_TRUE(torch::equal(sum.moments().covariance_FF, moments_of(rows).covariance_FF));
}

TEST(FeatureMoments, RefuseWhatIsNoSample) {
  MomentSum sum;
  sum.add(torch::zeros({1, 3}));
  EXPECT_THAT(message_of([&] { sum.moments(); }), HasSubstr("at least 2 samples, got 1"));
  EXPECT_THAT(message_of([&] { sum.add(torch::zeros({1, 4})); }), HasSubstr("rows of 4 numbers after rows of 3"));
  EXPECT_THAT(message_of([&] { sum.add(torch::full({1, 3}, NAN)); }), HasSubstr("NaN"));
}

// The closed form: means 3 apart, covariances s^2 I and t^2 I give 9 + F (s - t)^2.
TEST(Frechet, IsTheClosedFormOfRoundGaussians) {
  Moments a{100, torch::zeros({4}, torch::kFloat64), 4 * torch::eye(4, torch::kFloat64)};
  Moments b{100, torch::zeros({4}, torch::kFloat64), 9 * torch::eye(4, torch::kFloat64)};
  b.mean_F[0] = 3;
  EXPECT_NEAR(frechet_distance(a, b), 9 + 4, 1e-12);
  EXPECT_NEAR(frechet_distance(a, a), 0, 1e-12);
}

TEST(Frechet, IsSymmetricAndBearsSingularCovariances) {
  const auto a = moments_of(normal(10, 32, 5)), b = moments_of(normal(200, 32, 6));
  const double d = frechet_distance(a, b);
  EXPECT_GT(d, 0);
  EXPECT_NEAR(frechet_distance(b, a), d, 1e-6 * d);
}

TEST(Frechet, RefusesOtherFeatures) {
  EXPECT_THAT(message_of([] { frechet_distance(moments_of(normal(9, 3, 7)), moments_of(normal(9, 4, 8))); }),
              AllOf(HasSubstr("of 3"), HasSubstr("of 4 features")));
}

// scipy's matrix root and plain sums of numpy (tests/fixtures/make_features.py). The covariance of c is singular.
TEST(Frechet, AgreesWithScipyAlsoWhereTheCovarianceIsSingular) {
  const auto file = io::read_safetensors(monge::testing::fixtures_folder() / "features/samples.safetensors");
  const auto get = [&](const char* key) { return file.at(key, "samples"); };
  const auto a = moments_of(get("a")), b = moments_of(get("b")), c = moments_of(get("c"));
  const double a_b = get("frechet/ab").item<double>(), a_c = get("frechet/ac").item<double>();
  EXPECT_NEAR(frechet_distance(a, b), a_b, 1e-9 * a_b);
  EXPECT_NEAR(frechet_distance(a, c), a_c, 1e-6 * a_c);
  EXPECT_NEAR(frechet_distance(c, c), 0, 1e-6);
}

TEST(KernelDistance, AgreesWithNumpy) {
  const auto file = io::read_safetensors(monge::testing::fixtures_folder() / "features/samples.safetensors");
  const auto get = [&](const char* key) { return file.at(key, "samples"); };
  const double a_b = get("kid/ab").item<double>(), a_c = get("kid/ac").item<double>();
  EXPECT_NEAR(kernel_distance(get("a"), get("b")).value, a_b, 1e-9 * std::abs(a_b));
  EXPECT_NEAR(kernel_distance(get("a"), get("c")).value, a_c, 1e-9 * std::abs(a_c));
}

TEST(FrechetGoldens, AgreeWithTheReferenceAlsoWhereTheCovarianceIsSingular) {
  MONGE_NEEDS_SHARED("fixtures/fid/golden.json");
  const auto expected = goldens().at("frechet");
  const auto a = moments_of(feature_golden("feat_a_float64_300x32.npy")),
             b = moments_of(feature_golden("feat_b_float64_400x32.npy")),
             c = moments_of(feature_golden("feat_c_float64_20x32.npy"));
  const double a_b = expected.at("a_b_pytorch_fid"), a_c = expected.at("a_c_singular_pytorch_fid");
  EXPECT_NEAR(frechet_distance(a, b), a_b, 1e-9 * a_b);
  EXPECT_NEAR(frechet_distance(a, c), a_c, 1e-6 * a_c);
  EXPECT_NEAR(frechet_distance(c, c), 0, 1e-6);
}

TEST(KernelDistanceGoldens, AgreeWithTheReference) {
  MONGE_NEEDS_SHARED("fixtures/fid/golden.json");
  const auto expected = goldens().at("kid");
  const auto a = feature_golden("feat_a_float64_300x32.npy"), b = feature_golden("feat_b_float64_400x32.npy"),
             c = feature_golden("feat_c_float64_20x32.npy");
  const double a_b = expected.at("a_b"), a_c = expected.at("a_c");
  EXPECT_NEAR(kernel_distance(a, b).value, a_b, 1e-9 * a_b);
  EXPECT_NEAR(kernel_distance(a, c).value, a_c, 1e-9 * std::abs(a_c));
}

// Against the definition, term by term, in a size that needs several blocks.
TEST(KernelDistance, IsItsDefinition) {
  const auto a = normal(40, 3, 9), b = normal(30, 3, 10) + 0.5;
  const auto k = [](const torch::Tensor& x, const torch::Tensor& y) {
    return std::pow((x.dot(y) / 3 + 1).item<double>(), 3);
  };
  double within_a = 0, within_b = 0, between = 0;
  for (int64_t i = 0; i < 40; ++i) {
    for (int64_t j = 0; j < 40; ++j) within_a += i == j ? 0 : k(a[i], a[j]);
    for (int64_t j = 0; j < 30; ++j) between += k(a[i], b[j]);
  }
  for (int64_t i = 0; i < 30; ++i) {
    for (int64_t j = 0; j < 30; ++j) within_b += i == j ? 0 : k(b[i], b[j]);
  }
  const double expected = within_a / (40 * 39) + within_b / (30 * 29) - 2 * between / (40 * 30);
  EXPECT_NEAR(kernel_distance(a, b).value, expected, 1e-12);
}

TEST(KernelDistance, WorksInBlocksToo) {
  const auto a = normal(1500, 4, 11), b = normal(1030, 4, 12);
  const auto wide = [](const torch::Tensor& x, const torch::Tensor& y) { return (x.matmul(y.t()) / 4 + 1).pow(3); };
  const auto aa = wide(a, a), bb = wide(b, b);
  const double expected =
      ((aa.sum() - aa.trace()) / (1500.0 * 1499) + (bb.sum() - bb.trace()) / (1030.0 * 1029) - 2 * wide(a, b).mean())
          .item<double>();
  EXPECT_NEAR(kernel_distance(a, b).value, expected, 1e-11);
}

// The standard error against the spread of the distance over fresh samples of two laws that differ.
TEST(KernelDistance, KnowsItsStandardError) {
  double mean = 0, squares = 0, claimed = 0;
  constexpr int kRuns = 200;
  for (int run = 0; run < kRuns; ++run) {
    const auto d = kernel_distance(normal(60, 2, 100 + run), normal(80, 2, 1000 + run) * 1.5 + 1);
    mean += d.value / kRuns;
    squares += d.value * d.value / kRuns;
    claimed += d.standard_error / kRuns;
  }
  const double spread = std::sqrt(squares - mean * mean);
  EXPECT_NEAR(claimed / spread, 1, 0.2) << "claimed " << claimed << ", seen " << spread;
}

TEST(KernelDistance, RefusesTooFew) {
  EXPECT_THAT(message_of([] { kernel_distance(normal(1, 3, 1), normal(5, 3, 2)); }),
              HasSubstr("at least 2 samples per side, got 1"));
  EXPECT_THAT(message_of([] { kernel_distance(normal(5, 3, 1), normal(5, 2, 2)); }), HasSubstr("cannot be compared"));
}

}  // namespace
}  // namespace monge::eval

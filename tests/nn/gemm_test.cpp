#include "monge/nn/gemm.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <bit>
#include <cmath>
#include <thread>
#include <vector>

#include "monge/core/random.h"
#include "monge/nn/gemm_matrix_units.h"
#include "monge/nn/operation_tally.h"
#include "monge/nn/vector_width.h"
#include "tests/support/support.h"

namespace monge::nn::gemm {
namespace {

using monge::testing::relative_error;

torch::Tensor numbers(int64_t rows, int64_t columns, const char* name) {
  return torch::randn({rows, columns}, RandomStreams(3).at(name, rows * 1000 + columns));
}
float* data(const torch::Tensor& t) { return t.data_ptr<float>(); }

torch::Tensor packed(const torch::Tensor& b, ProductPrecision products = ProductPrecision::fp32) {
  auto out = torch::full({packed_size(b.size(0), b.size(1), products)}, NAN);
  pack(data(b), b.stride(0), b.stride(1), b.size(0), b.size(1), data(out), products);
  return out;
}

// Sizes around those of tiles, vectors and panels: 14 or 6 rows, 8, 16 and 32 columns.
const std::vector<int64_t> kRows{1, 5, 6, 13, 14, 15, 29, 57}, kTerms{1, 2, 17, 64, 128, 131, 300},
    kColumns{1, 7, 8, 9, 16, 31, 32, 33, 48, 100};

// Random signs: the rounding of 300 terms of float32 adds up to about sqrt(300) * 6e-8; four times that.
constexpr double kRounding = 4e-6;

struct Case {
  const char* name;
  VectorWidth width;
  ProductPrecision products = ProductPrecision::fp32;
  double rounding = kRounding;
};

/// With the vectors of this processor, with each narrower kind, and on matrix units. Where there are none fp32 stands
/// in.
class Gemm : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override { widest_allowed = GetParam().width; }
  void TearDown() override { widest_allowed = VectorWidth::bits_512; }
  const ProductPrecision products = GetParam().products;
  const double rounding = GetParam().rounding;
};

TEST_P(Gemm, IsTheProduct) {
  for (const int64_t m : kRows) {
    for (const int64_t k : kTerms) {
      for (const int64_t n : kColumns) {
        const auto a = numbers(m, k, "a"), b = numbers(k, n, "b"), before = numbers(m, n, "c");
        const auto expected = a.to(torch::kFloat64).mm(b.to(torch::kFloat64));
        for (const auto& layout : {b, b.t().contiguous().t()}) {
          auto c = before.clone();
          multiply(data(a), k, data(packed(layout, products)), data(c), n, m, k, n, /*accumulate=*/false, {}, products);
          EXPECT_LT(relative_error(c, expected), rounding) << m << " x " << k << " x " << n;
          multiply(data(a), k, data(packed(layout, products)), data(c), n, m, k, n, /*accumulate=*/true, {}, products);
          EXPECT_LT(relative_error(c, 2 * expected), rounding) << m << " x " << k << " x " << n;
        }
        auto c = before.clone();
        multiply_transposed(data(a.t().contiguous()), m, data(b), n, data(c), n, k, m, n, /*accumulate=*/true,
                            products);
        EXPECT_LT(relative_error(c, expected + before), rounding) << m << " x " << k << " x " << n << " transposed";
        multiply_transposed(data(a.t().contiguous()), m, data(b), n, data(c), n, k, m, n, /*accumulate=*/false,
                            products);
        EXPECT_LT(relative_error(c, expected), rounding) << m << " x " << k << " x " << n << " transposed";
        multiply_narrow(data(a), k, data(b.t().contiguous()), k, data(c), n, m, k, n);
        EXPECT_LT(relative_error(c, expected), rounding) << m << " x " << k << " x " << n << " narrow";
      }
    }
  }
}

TEST_P(Gemm, LeavesWhatLiesBetweenTheRows) {
  const int64_t m = 9, k = 10, n = 21, apart = 40;
  const auto a = numbers(m, apart, "a"), b = numbers(k, n, "b");
  auto c = torch::zeros({m, apart}) + 7;
  multiply(data(a), apart, data(packed(b, products)), data(c), apart, m, k, n, /*accumulate=*/false, {}, products);
  EXPECT_LT(relative_error(c.narrow(1, 0, n), a.narrow(1, 0, k).mm(b)), rounding);
  EXPECT_TRUE(c.narrow(1, n, apart - n).eq(7).all().item<bool>());
}

TEST_P(Gemm, FinishesEveryEntryOnceWhenItIsThere) {
  for (const int64_t m : {1, 14, 56, 57, 200}) {
    for (const int64_t n : {5, 32, 70}) {
      constexpr int64_t k = 150;
      const auto a = numbers(m, k, "a"), b = numbers(k, n, "b");
      auto c = torch::empty({m, n});
      struct Context {
        float* c;
        int64_t n;
      } context{data(c), n};
      const Epilogue doubled{[](const void* given, int64_t row, int64_t rows, int64_t column, int64_t columns) {
                               const auto* to = static_cast<const Context*>(given);
                               for (int64_t r = row; r < row + rows; ++r) {
                                 for (int64_t j = column; j < column + columns; ++j) to->c[r * to->n + j] *= 2;
                               }
                             },
                             &context};
      multiply(data(a), k, data(packed(b, products)), data(c), n, m, k, n, /*accumulate=*/false, doubled, products);
      EXPECT_LT(relative_error(c, 2 * a.mm(b)), rounding) << m << " x " << n;
    }
  }
}

TEST_P(Gemm, CountsItsOperations) {
  const auto a = numbers(4, 5, "a"), b = numbers(5, 6, "b");
  auto c = torch::empty({4, 6});
  const int64_t before = operation_tally;
  multiply(data(a), 5, data(packed(b, products)), data(c), 6, 4, 5, 6, /*accumulate=*/false, {}, products);
  EXPECT_EQ(operation_tally - before, 2 * 4 * 5 * 6);
}

INSTANTIATE_TEST_SUITE_P(Widths, Gemm,
                         ::testing::Values(Case{"portable", VectorWidth::portable},
                                           Case{"bits_256", VectorWidth::bits_256},
                                           Case{"bits_512", VectorWidth::bits_512},
                                           Case{"bf16x6", VectorWidth::bits_512, ProductPrecision::bf16x6},
                                           Case{"bf16x3", VectorWidth::bits_512, ProductPrecision::bf16x3, 2e-5}),
                         [](const auto& info) { return std::string(info.param.name); });

// The three parts of each number hold all of its 24 bits, so that the products on matrix units are those of float32.
TEST(GemmOnMatrixUnits, IsAsAccurateAsOnVectors) {
  if (!has_matrix_units()) GTEST_SKIP() << "this processor has no matrix units for bfloat16";
  for (const int64_t k : {64, 500, 2000}) {
    const auto a = numbers(70, k, "a"), b = numbers(k, 90, "b");
    const auto expected = a.to(torch::kFloat64).mm(b.to(torch::kFloat64));
    const auto error = [&](ProductPrecision products) {
      auto c = torch::empty({70, 90}), transposed = torch::empty({70, 90});
      multiply(data(a), k, data(packed(b, products)), data(c), 90, 70, k, 90, /*accumulate=*/false, {}, products);
      multiply_transposed(data(a.t().contiguous()), 70, data(b), 90, data(transposed), 90, k, 70, 90,
                          /*accumulate=*/false, products);
      EXPECT_TRUE(torch::equal(c, transposed)) << k;
      return (c - expected).square().mean().sqrt().item<double>();
    };
    EXPECT_LT(error(ProductPrecision::bf16x6), 1.5 * error(ProductPrecision::fp32)) << k;
    EXPECT_LT(error(ProductPrecision::bf16x3), 1e-5 * std::sqrt(static_cast<double>(k))) << k;
    EXPECT_GT(error(ProductPrecision::bf16x3), error(ProductPrecision::bf16x6)) << k;  // so the tiles were used
  }
}

// Each term within 2^-24 and 2^-15, also where the parts of the numbers are as large as they can be.
TEST(GemmOnMatrixUnits, KeepsItsBounds) {
  if (!has_matrix_units()) GTEST_SKIP() << "this processor has no matrix units for bfloat16";
  for (const auto& [products, bound] :
       {std::pair{ProductPrecision::bf16x6, 0x1p-23}, {ProductPrecision::bf16x3, 0x1p-15}}) {
    const auto mantissas = 1 + torch::arange(1, 33 * 32 + 1, torch::kFloat64).reshape({33, 32}) / (33 * 32 + 1.0);
    auto a = mantissas.to(torch::kFloat32), b = torch::zeros({32, 32});
    b.fill_diagonal_(1.99607849F);  // 2 - 2^-8 and a little: its second part is as large as one can be
    auto c = torch::empty({33, 32});
    multiply(data(a), 32, data(packed(b, products)), data(c), 32, 33, 32, 32, /*accumulate=*/false, {}, products);
    const auto expected = a.to(torch::kFloat64) * static_cast<double>(1.99607849F);
    EXPECT_LT(((c - expected) / expected).abs().max().item<double>(), bound);
  }
}

TEST(GemmOnMatrixUnits, PassesOnWhatIsNotFinite) {
  for (const auto products : {ProductPrecision::fp32, ProductPrecision::bf16x3, ProductPrecision::bf16x6}) {
    // Infinity, the usual NaN, that of CUDA, and ones whose rounding would carry or whose high bits are infinity's.
    for (const int32_t bits : {0x7F800000, 0x7FC00000, 0x7FFFFFFF, -1, 0x7F800001}) {
      const float bad = std::bit_cast<float>(bits);
      const auto a = numbers(40, 40, "a"), b = numbers(40, 40, "b");
      const auto product = [&](const torch::Tensor& left, const torch::Tensor& right, bool transposed) {
        auto c = torch::empty({40, 40});
        if (transposed) {
          multiply_transposed(data(left.t().contiguous()), 40, data(right), 40, data(c), 40, 40, 40, 40,
                              /*accumulate=*/false, products);
        } else {
          multiply(data(left), 40, data(packed(right, products)), data(c), 40, 40, 40, 40, /*accumulate=*/false, {},
                   products);
        }
        return c.isfinite();
      };
      auto spoiled = a.clone();
      data(spoiled)[3 * 40 + 5] = bad;
      for (const bool transposed : {false, true}) {
        const auto by_row = product(spoiled, b, transposed);
        EXPECT_FALSE(by_row[3].any().item<bool>()) << bits;
        EXPECT_EQ(by_row.sum().item<int64_t>(), 39 * 40) << bits;
        const auto by_column = product(b, spoiled, transposed);
        EXPECT_FALSE(by_column.select(1, 5).any().item<bool>()) << bits;
        EXPECT_EQ(by_column.sum().item<int64_t>(), 39 * 40) << bits;
      }
    }
  }
}

TEST(GemmOnMatrixUnits, TakesWhatFillsMostOfATile) {
  EXPECT_FALSE(on_matrix_units(ProductPrecision::fp32, 512, 512));
  EXPECT_FALSE(on_matrix_units(ProductPrecision::bf16x6, 16, 512));
  EXPECT_FALSE(on_matrix_units(ProductPrecision::bf16x6, 512, 15));
  EXPECT_EQ(on_matrix_units(ProductPrecision::bf16x6, 17, 16), has_matrix_units());
  matrix_units_allowed = false;
  EXPECT_FALSE(on_matrix_units(ProductPrecision::bf16x6, 17, 16));
  matrix_units_allowed = true;
}

// LibTorch's kernels configure the tiles too, and may find theirs changed only by themselves.
TEST(GemmOnMatrixUnits, WorksBesideBf16ProductsOfLibTorchOnSeveralThreads) {
  const auto a = numbers(64, 64, "a"), b = numbers(64, 64, "b");
  const auto weights = packed(b, ProductPrecision::bf16x6);
  auto expected = torch::empty({64, 64});
  multiply(data(a), 64, data(weights), data(expected), 64, 64, 64, 64, /*accumulate=*/false, {},
           ProductPrecision::bf16x6);
  const auto half_a = a.to(torch::kBFloat16), half_b = b.to(torch::kBFloat16), half = half_a.mm(half_b);
  std::vector<int64_t> wrong(3);
  std::vector<std::thread> threads;
  for (auto& count : wrong) {
    threads.emplace_back([&] {
      auto c = torch::empty({64, 64});
      for (int64_t k = 0; k < 50; ++k) {
        multiply(data(a), 64, data(weights), data(c), 64, 64, 64, 64, /*accumulate=*/false, {},
                 ProductPrecision::bf16x6);
        if (!torch::equal(c, expected) || !torch::equal(half_a.mm(half_b), half)) ++count;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const int64_t count : wrong) EXPECT_EQ(count, 0);
}

}  // namespace
}  // namespace monge::nn::gemm

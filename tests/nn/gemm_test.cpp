#include "monge/nn/gemm.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <vector>

#include "monge/core/random.h"
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

torch::Tensor packed(const torch::Tensor& b) {
  auto out = torch::full({packed_size(b.size(0), b.size(1))}, NAN);
  pack(data(b), b.stride(0), b.stride(1), b.size(0), b.size(1), data(out));
  return out;
}

// Sizes around those of tiles, vectors and panels: 14 or 6 rows, 8, 16 and 32 columns.
const std::vector<int64_t> kRows{1, 5, 6, 13, 14, 15, 29, 57}, kTerms{1, 2, 17, 64, 128, 131, 300},
    kColumns{1, 7, 8, 9, 16, 31, 32, 33, 48, 100};

// Random signs: the rounding of 300 terms of float32 adds up to about sqrt(300) * 6e-8; four times that.
constexpr double kRounding = 4e-6;

/// With the vectors of this processor and with each narrower kind.
class Gemm : public ::testing::TestWithParam<VectorWidth> {
 protected:
  void SetUp() override { widest_allowed = GetParam(); }
  void TearDown() override { widest_allowed = VectorWidth::bits_512; }
};

TEST_P(Gemm, IsTheProduct) {
  for (const int64_t m : kRows) {
    for (const int64_t k : kTerms) {
      for (const int64_t n : kColumns) {
        const auto a = numbers(m, k, "a"), b = numbers(k, n, "b"), before = numbers(m, n, "c");
        const auto expected = a.to(torch::kFloat64).mm(b.to(torch::kFloat64));
        for (const auto& layout : {b, b.t().contiguous().t()}) {
          auto c = before.clone();
          multiply(data(a), k, data(packed(layout)), data(c), n, m, k, n, /*accumulate=*/false);
          EXPECT_LT(relative_error(c, expected), kRounding) << m << " x " << k << " x " << n;
          multiply(data(a), k, data(packed(layout)), data(c), n, m, k, n, /*accumulate=*/true);
          EXPECT_LT(relative_error(c, 2 * expected), kRounding) << m << " x " << k << " x " << n;
        }
        auto c = before.clone();
        multiply_transposed(data(a.t().contiguous()), m, data(b), n, data(c), n, k, m, n, /*accumulate=*/true);
        EXPECT_LT(relative_error(c, expected + before), kRounding) << m << " x " << k << " x " << n << " transposed";
        multiply_transposed(data(a.t().contiguous()), m, data(b), n, data(c), n, k, m, n, /*accumulate=*/false);
        EXPECT_LT(relative_error(c, expected), kRounding) << m << " x " << k << " x " << n << " transposed";
        multiply_narrow(data(a), k, data(b.t().contiguous()), k, data(c), n, m, k, n);
        EXPECT_LT(relative_error(c, expected), kRounding) << m << " x " << k << " x " << n << " narrow";
      }
    }
  }
}

TEST_P(Gemm, LeavesWhatLiesBetweenTheRows) {
  const int64_t m = 9, k = 10, n = 21, apart = 40;
  const auto a = numbers(m, apart, "a"), b = numbers(k, n, "b");
  auto c = torch::zeros({m, apart}) + 7;
  multiply(data(a), apart, data(packed(b)), data(c), apart, m, k, n, /*accumulate=*/false);
  EXPECT_LT(relative_error(c.narrow(1, 0, n), a.narrow(1, 0, k).mm(b)), kRounding);
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
      multiply(data(a), k, data(packed(b)), data(c), n, m, k, n, /*accumulate=*/false, doubled);
      EXPECT_LT(relative_error(c, 2 * a.mm(b)), kRounding) << m << " x " << n;
    }
  }
}

TEST_P(Gemm, CountsItsOperations) {
  const auto a = numbers(4, 5, "a"), b = numbers(5, 6, "b");
  auto c = torch::empty({4, 6});
  const int64_t before = operation_tally;
  multiply(data(a), 5, data(packed(b)), data(c), 6, 4, 5, 6, /*accumulate=*/false);
  EXPECT_EQ(operation_tally - before, 2 * 4 * 5 * 6);
}

INSTANTIATE_TEST_SUITE_P(Widths, Gemm,
                         ::testing::Values(VectorWidth::portable, VectorWidth::bits_256, VectorWidth::bits_512),
                         [](const auto& info) {
                           return std::string(info.param == VectorWidth::portable   ? "portable"
                                              : info.param == VectorWidth::bits_256 ? "bits_256"
                                                                                    : "bits_512");
                         });

}  // namespace
}  // namespace monge::nn::gemm

#include "monge/nn/chain_layers.h"

#include <algorithm>

namespace monge::nn {
namespace {

// With fewer columns a panel of 32 would be mostly zeros, and sums along rows are faster.
constexpr int64_t kNarrow = 8;

/// c[rows, n] = a[rows, k] b, with b packed or, if it is narrow, transposed.
void product(gemm::ProductPrecision products, const float* a, const float* b, float* c, int64_t rows, int64_t k,
             int64_t n, const gemm::Epilogue& epilogue) {
  if (n >= kNarrow) return gemm::multiply(a, k, b, c, n, rows, k, n, /*accumulate=*/false, epilogue, products);
  gemm::multiply_narrow(a, k, b, k, c, n, rows, k, n);
  epilogue.call(epilogue.context, 0, rows, 0, n);
}

/// An epilogue that calls a lambda (row, rows, column, columns).
template <class Function>
gemm::Epilogue epilogue_by(const Function& function) {
  return {[](const void* context, int64_t row, int64_t rows, int64_t column, int64_t columns) {
            (*static_cast<const Function*>(context))(row, rows, column, columns);
          },
          &function};
}

}  // namespace

int64_t forward_pack_size(const ChainLayer& l) {
  return l.out < kNarrow ? 0 : gemm::packed_size(l.in, l.out, l.products);
}
int64_t backward_pack_size(const ChainLayer& l) {
  return l.in < kNarrow ? l.in * l.out : gemm::packed_size(l.out, l.in, l.products);
}

void pack_forward(const ChainLayer& l, float* to) {
  if (l.out >= kNarrow) gemm::pack(l.weight, 1, l.in, l.in, l.out, to, l.products);
}
void pack_backward(const ChainLayer& l, float* to) {
  if (l.in >= kNarrow) return gemm::pack(l.weight, l.in, 1, l.out, l.in, to, l.products);
  for (int64_t i = 0; i < l.in; ++i) {
    for (int64_t o = 0; o < l.out; ++o) to[i * l.out + o] = l.weight[o * l.in + i];
  }
}

void hidden_pass(const ChainLayer& l, Activation kind, const float* x, float* h, float* slope, int64_t rows) {
  const auto activate = [=, &l](int64_t row, int64_t count, int64_t column, int64_t columns) {
    const int64_t at = row * l.out + column;
    add_bias_and_activate(kind, h + at, slope ? slope + at : nullptr, l.bias + column, count, columns, l.out);
  };
  product(l.products, x, l.out < kNarrow ? l.weight : l.forward, h, rows, l.in, l.out, epilogue_by(activate));
}

void output_pass(const ChainLayer& l, const float* x, float* y, int64_t rows) {
  const auto add_bias = [=, &l](int64_t row, int64_t count, int64_t column, int64_t columns) {
    for (int64_t r = row; r < row + count; ++r) {
      for (int64_t j = column; j < column + columns; ++j) y[r * l.out + j] += l.bias[j];
    }
  };
  product(l.products, x, l.out < kNarrow ? l.weight : l.forward, y, rows, l.in, l.out, epilogue_by(add_bias));
}

void input_gradient(const ChainLayer& l, const float* up, float* down, int64_t rows) {
  const auto nothing = [](int64_t, int64_t, int64_t, int64_t) {};
  product(l.products, up, l.backward, down, rows, l.out, l.in, epilogue_by(nothing));
}

void hidden_gradient(const ChainLayer& l, Activation kind, const float* up, const float* kept, float* down,
                     float* bias_sum, int64_t rows) {
  const auto chain = [=, &l](int64_t row, int64_t count, int64_t column, int64_t columns) {
    const int64_t at = row * l.in + column;
    activation_backward(kind, down + at, kept + at, bias_sum ? bias_sum + column : nullptr, count, columns, l.in);
  };
  product(l.products, up, l.backward, down, rows, l.out, l.in, epilogue_by(chain));
}

void curved_pass(const ChainLayer& l, Activation kind, const float* x, const ActivationRecord& record, int64_t rows) {
  const auto activate = [=, &l](int64_t row, int64_t count, int64_t column, int64_t columns) {
    activate_with_curvature(kind, record.from(row * l.out + column), l.bias + column, count, columns, l.out);
  };
  product(l.products, x, l.out < kNarrow ? l.weight : l.forward, record.value, rows, l.in, l.out,
          epilogue_by(activate));
}

void descending_pass(const ChainLayer& l, Activation kind, const float* up, const ActivationRecord& below, float* down,
                     int64_t rows) {
  const auto scale = [=, &l](int64_t row, int64_t count, int64_t column, int64_t columns) {
    const int64_t at = row * l.in + column;
    gradient_through_activation(kind, below.from(at), down + at, count, columns, l.in);
  };
  product(l.products, up, l.backward, down, rows, l.out, l.in, epilogue_by(scale));
}

void tangent_pass(const ChainLayer& l, Activation kind, const float* v, const ActivationRecord& record, const float* d,
                  float* tangent, float* curvature_term, int64_t rows) {
  const auto scale = [=, &l](int64_t row, int64_t count, int64_t column, int64_t columns) {
    const int64_t at = row * l.out + column;
    tangent_through_activation(kind, record.from(at), d + at, tangent + at, curvature_term + at, count, columns, l.out);
  };
  product(l.products, v, l.out < kNarrow ? l.weight : l.forward, tangent, rows, l.in, l.out, epilogue_by(scale));
}

void adjoint_pass(const ChainLayer& l, Activation kind, const float* c, const ActivationRecord& below,
                  const float* curvature_term, float* down, float* sums, int64_t rows) {
  const auto add = [=, &l](int64_t row, int64_t count, int64_t column, int64_t columns) {
    const int64_t at = row * l.in + column;
    adjoint_through_activation(kind, below.from(at), down + at, curvature_term + at, sums + column, count, columns,
                               l.in);
  };
  product(l.products, c, l.backward, down, rows, l.out, l.in, epilogue_by(add));
}

bool sums_transposed(const ChainLayer& l) { return l.in < 16 && l.out > l.in; }

void weight_gradient(const ChainLayer& l, const float* up, const float* x, float* sum, int64_t rows, bool accumulate) {
  if (sums_transposed(l)) {
    gemm::multiply_transposed(x, l.in, up, l.out, sum, l.out, rows, l.in, l.out, accumulate, l.products);
  } else {
    gemm::multiply_transposed(up, l.out, x, l.in, sum, l.in, rows, l.out, l.in, accumulate, l.products);
  }
}

}  // namespace monge::nn

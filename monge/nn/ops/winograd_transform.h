// The small transforms of Winograd's convolutions F(m x m, 3 x 3), on vectors of channels.
#pragma once

#include <cstdint>

#include "monge/nn/gemm_tile.h"

namespace monge::nn::winograd {

using gemm::Vector;

/// The five maps of one axis, from `x` (entries `from` apart) to `y` (entries `to` apart). For four or six inputs d,
/// three weights g and two or four outputs y:
///
///     input           v = B^T d
///     weight          u = G g
///     output          y = A^T (u v)
///     output_adjoint  A y
///     weight_adjoint  G^T u
template <int m>
struct Axis;

/// F(2, 3) with the points 0, 1, -1 and infinity.
template <>
struct Axis<2> {
  template <class V>
  [[gnu::always_inline]] static inline void input(const V* x, int from, V* y, int to) {
    y[0] = x[0] - x[2 * from];
    y[to] = x[from] + x[2 * from];
    y[2 * to] = x[2 * from] - x[from];
    y[3 * to] = x[from] - x[3 * from];
  }
  template <class V>
  [[gnu::always_inline]] static inline void weight(const V* x, int from, V* y, int to) {
    const V even = 0.5F * (x[0] + x[2 * from]), odd = 0.5F * x[from];
    y[0] = x[0];
    y[to] = even + odd;
    y[2 * to] = even - odd;
    y[3 * to] = x[2 * from];
  }
  template <class V>
  [[gnu::always_inline]] static inline void output(const V* x, int from, V* y, int to) {
    y[0] = x[0] + x[from] + x[2 * from];
    y[to] = x[from] - x[2 * from] - x[3 * from];
  }
  template <class V>
  [[gnu::always_inline]] static inline void output_adjoint(const V* x, int from, V* y, int to) {
    y[0] = x[0];
    y[to] = x[0] + x[from];
    y[2 * to] = x[0] - x[from];
    y[3 * to] = -x[from];
  }
  template <class V>
  [[gnu::always_inline]] static inline void weight_adjoint(const V* x, int from, V* y, int to) {
    const V even = 0.5F * (x[from] + x[2 * from]), odd = 0.5F * (x[from] - x[2 * from]);
    y[0] = x[0] + even;
    y[to] = odd;
    y[2 * to] = even + x[3 * from];
  }
};

/// F(4, 3) with the points 0, a, -a, b, -b and infinity. With a = 5/8 and b = 3/2 all coefficients of the input are
/// exact in float, and the error is half of that with 1 and 2. Measured at 128 channels, as a fraction of the result's
/// norm: 1.0e-6 against 2.4e-6; F(2 x 2) has 3.6e-7, a direct convolution 1.3e-7.
template <>
struct Axis<4> {
  static constexpr float a = 0.625F, b = 1.5F, aa = a * a, bb = b * b;
  static constexpr float na = 2 * aa * (aa - bb), nb = 2 * bb * (bb - aa), n0 = aa * bb;  // derivatives at the points

  template <class V>
  [[gnu::always_inline]] static inline void input(const V* x, int from, V* y, int to) {
    const V d0 = x[0], d1 = x[from], d2 = x[2 * from], d3 = x[3 * from], d4 = x[4 * from], d5 = x[5 * from];
    const V even_a = d4 - bb * d2, odd_a = a * (d3 - bb * d1), even_b = d4 - aa * d2, odd_b = b * (d3 - aa * d1);
    y[0] = n0 * d0 - (aa + bb) * d2 + d4;
    y[to] = even_a + odd_a;
    y[2 * to] = even_a - odd_a;
    y[3 * to] = even_b + odd_b;
    y[4 * to] = even_b - odd_b;
    y[5 * to] = n0 * d1 - (aa + bb) * d3 + d5;
  }
  template <class V>
  [[gnu::always_inline]] static inline void weight(const V* x, int from, V* y, int to) {
    const V g0 = x[0], g1 = x[from], g2 = x[2 * from];
    const V even_a = (1 / na) * g0 + (aa / na) * g2, odd_a = (a / na) * g1;
    const V even_b = (1 / nb) * g0 + (bb / nb) * g2, odd_b = (b / nb) * g1;
    y[0] = (1 / n0) * g0;
    y[to] = even_a + odd_a;
    y[2 * to] = even_a - odd_a;
    y[3 * to] = even_b + odd_b;
    y[4 * to] = even_b - odd_b;
    y[5 * to] = g2;
  }
  template <class V>
  [[gnu::always_inline]] static inline void output(const V* x, int from, V* y, int to) {
    const V even_a = x[from] + x[2 * from], odd_a = x[from] - x[2 * from];
    const V even_b = x[3 * from] + x[4 * from], odd_b = x[3 * from] - x[4 * from];
    y[0] = x[0] + even_a + even_b;
    y[to] = a * odd_a + b * odd_b;
    y[2 * to] = aa * even_a + bb * even_b;
    y[3 * to] = (a * aa) * odd_a + (b * bb) * odd_b + x[5 * from];
  }
  template <class V>
  [[gnu::always_inline]] static inline void output_adjoint(const V* x, int from, V* y, int to) {
    const V y0 = x[0], y1 = x[from], y2 = x[2 * from], y3 = x[3 * from];
    const V even_a = y0 + aa * y2, odd_a = a * y1 + (a * aa) * y3;
    const V even_b = y0 + bb * y2, odd_b = b * y1 + (b * bb) * y3;
    y[0] = y0;
    y[to] = even_a + odd_a;
    y[2 * to] = even_a - odd_a;
    y[3 * to] = even_b + odd_b;
    y[4 * to] = even_b - odd_b;
    y[5 * to] = y3;
  }
  template <class V>
  [[gnu::always_inline]] static inline void weight_adjoint(const V* x, int from, V* y, int to) {
    const V even_a = (1 / na) * (x[from] + x[2 * from]), odd_a = (a / na) * (x[from] - x[2 * from]);
    const V even_b = (1 / nb) * (x[3 * from] + x[4 * from]), odd_b = (b / nb) * (x[3 * from] - x[4 * from]);
    y[0] = (1 / n0) * x[0] + even_a + even_b;
    y[to] = odd_a + odd_b;
    y[2 * to] = aa * even_a + bb * even_b + x[5 * from];
  }
};

/// Applies a map of one axis, from In to Out entries, to the columns and then the rows of x [In, In].
template <int In, int Out, class V, class Map>
[[gnu::always_inline]] inline void both_axes(const V (&x)[In * In], V (&y)[Out * Out], const Map& map) {
  V half[Out * In];
#pragma GCC unroll 8
  for (int j = 0; j < In; ++j) map(x + j, In, half + j, In);
#pragma GCC unroll 8
  for (int i = 0; i < Out; ++i) map(half + i * In, 1, y + i * Out, 1);
}

}  // namespace monge::nn::winograd

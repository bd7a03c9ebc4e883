#include "monge/nn/ops/cpu_loops.h"

#include <algorithm>
#include <cstring>

#include "monge/core/vectorised.h"
#include "monge/nn/vector_exponential.h"
#include "monge/nn/vectors.h"

namespace monge::nn::ops {
namespace {

using Floats16 = AlignedFloats<16>;
using Lanes = Floats16::Type;
constexpr int64_t kLanes = Floats16::kCount;
typedef double Doubles __attribute__((vector_size(8 * kLanes)));

MONGE_INLINE void add_to(double* to, const Lanes& value, int64_t count) {
  if (count == kLanes) {
    Doubles sum;
    std::memcpy(&sum, to, sizeof sum);
    sum += __builtin_convertvector(value, Doubles);
    std::memcpy(to, &sum, sizeof sum);
    return;
  }
  for (int64_t i = 0; i < count; ++i) to[i] += static_cast<double>(value[i]);
}

/// Calls work(from, lanes) over `count` numbers; the last call may have fewer than kLanes lanes.
template <class Work>
MONGE_INLINE void in_lanes(int64_t count, const Work& work) {
  int64_t at = 0;
  for (; at + kLanes <= count; at += kLanes) work(at, kLanes);
  if (at < count) work(at, count - at);
}

/// The number of rows that fit in the first cache while the loop goes over their channels.
MONGE_INLINE int64_t cached_rows(int64_t channels) { return std::clamp<int64_t>(4096 / channels, 16, 256); }

/// Two sums over rows for K * 16 channels, or for `lanes` of 16.
template <int K, class Terms>
MONGE_INLINE void sum_columns(int64_t rows, int64_t lanes, double* a, double* b, const Terms& terms) {
  Lanes sum_a[K] = {}, sum_b[K] = {};
  for (int64_t row = 0; row < rows; ++row) {
    for (int k = 0; k < K; ++k) terms(row, k * kLanes, lanes, sum_a[k], sum_b[k]);
  }
  for (int k = 0; k < K; ++k) {
    add_to(a + k * kLanes, sum_a[k], lanes);
    add_to(b + k * kLanes, sum_b[k], lanes);
  }
}

/// Two sums for every channel; terms(row, channel, lanes, a, b) adds a row to them.
template <class Terms>
MONGE_INLINE void sum_rows(int64_t rows, int64_t channels, double* a, double* b, const Terms& terms) {
  const int64_t step = cached_rows(channels);
  for (int64_t begin = 0; begin < rows; begin += step) {
    const int64_t count = std::min(step, rows - begin);
    for (int64_t c = 0; c < channels;) {
      const auto at = [&](int64_t row, int64_t more, int64_t lanes, Lanes & sum_a, Lanes & sum_b)
          __attribute__((always_inline)) {
        terms(begin + row, c + more, lanes, sum_a, sum_b);
      };
      const int64_t whole = (channels - c) / kLanes;
      if (whole >= 4) {
        sum_columns<4>(count, kLanes, a + c, b + c, at);
        c += 4 * kLanes;
      } else if (whole == 3) {
        sum_columns<3>(count, kLanes, a + c, b + c, at);
        c += 3 * kLanes;
      } else if (whole > 0) {
        sum_columns<1>(count, kLanes, a + c, b + c, at);
        c += kLanes;
      } else {
        sum_columns<1>(count, channels - c, a + c, b + c, at);
        c = channels;
      }
    }
  }
}

MONGE_INLINE Lanes above_zero(Lanes decides, Lanes x) { return decides > Lanes{} ? x : Lanes{}; }

// Activations: the value at z, and the gradient of z from that of the value.
struct Relu {
  static __attribute__((always_inline)) Lanes value(Lanes z) { return z < Lanes{} ? Lanes{} : z; }  // NaN remains NaN
  static __attribute__((always_inline)) Lanes backward(Lanes z, Lanes gradient) { return above_zero(z, gradient); }
};
struct Silu {
  static __attribute__((always_inline)) Lanes value(Lanes z) { return z / (1.0F + exponential(-z)); }
  static __attribute__((always_inline)) Lanes backward(Lanes z, Lanes gradient) {
    const Lanes s = 1.0F / (1.0F + exponential(-z));
    return gradient * (s + z * s * (1.0F - s));
  }
};

template <class Activation>
MONGE_INLINE void normalise_rows_of(const float* x, int64_t rows, int64_t channels, const ChannelAffine& line,
                                    float* y) {
  for (int64_t row = 0; row < rows; ++row, x += channels, y += channels) {
    in_lanes(
        channels, [&](int64_t c, int64_t lanes) __attribute__((always_inline)) {
          const Lanes z = (load<Floats16>(x + c, lanes) - load<Floats16>(line.mean + c, lanes)) *
                              load<Floats16>(line.scale + c, lanes) +
                          load<Floats16>(line.shift + c, lanes);
          store<Floats16>(y + c, Activation::value(z), lanes);
        });
  }
}

template <class Activation>
MONGE_INLINE void add_gradient_sums_of(const float* gradient, const float* x, int64_t rows, int64_t channels,
                                       const ChannelAffine& line, double* sum, double* product) {
  sum_rows(
      rows, channels, sum,
      product, [&](int64_t row, int64_t c, int64_t lanes, Lanes & a, Lanes & b) __attribute__((always_inline)) {
        const int64_t at = row * channels + c;
        const Lanes d = load<Floats16>(x + at, lanes) - load<Floats16>(line.mean + c, lanes);
        const Lanes z = d * load<Floats16>(line.scale + c, lanes) + load<Floats16>(line.shift + c, lanes);
        const Lanes g = Activation::backward(z, load<Floats16>(gradient + at, lanes));
        a += g;
        b += g * d;
      });
}

template <class Activation>
MONGE_INLINE void group_rows_backward_of(const float* gradient, const float* x, int64_t rows, int64_t channels,
                                         const ChannelAffine& line, const float* offset, const float* slope,
                                         float* to) {
  for (int64_t row = 0; row < rows; ++row, gradient += channels, x += channels, to += channels) {
    in_lanes(
        channels, [&](int64_t c, int64_t lanes) __attribute__((always_inline)) {
          const Lanes scale = load<Floats16>(line.scale + c, lanes);
          const Lanes d = load<Floats16>(x + c, lanes) - load<Floats16>(line.mean + c, lanes);
          const Lanes z = d * scale + load<Floats16>(line.shift + c, lanes);
          const Lanes g = Activation::backward(z, load<Floats16>(gradient + c, lanes));
          store<Floats16>(to + c, g * scale - load<Floats16>(offset + c, lanes) - d * load<Floats16>(slope + c, lanes),
                          lanes);
        });
  }
}

}  // namespace

MONGE_VECTORISED void add_sums(const float* x, int64_t rows, int64_t channels, const float* pivot, double* sum,
                               double* square) {
  sum_rows(
      rows, channels, sum,
      square, [&](int64_t row, int64_t c, int64_t lanes, Lanes & a, Lanes & b) __attribute__((always_inline)) {
        const Lanes d = load<Floats16>(x + row * channels + c, lanes) - load<Floats16>(pivot + c, lanes);
        a += d;
        b += d * d;
      });
}

MONGE_VECTORISED void normalise_rows(const float* x, int64_t rows, int64_t channels, const ChannelAffine& line,
                                     float* y) {
  normalise_rows_of<Relu>(x, rows, channels, line, y);
}

MONGE_VECTORISED void normalise_rows_silu(const float* x, int64_t rows, int64_t channels, const ChannelAffine& line,
                                          float* y) {
  normalise_rows_of<Silu>(x, rows, channels, line, y);
}

MONGE_VECTORISED void add_gradient_sums(const float* gradient, const float* x, int64_t rows, int64_t channels,
                                        const ChannelAffine& line, double* sum, double* product) {
  add_gradient_sums_of<Relu>(gradient, x, rows, channels, line, sum, product);
}

MONGE_VECTORISED void add_gradient_sums_silu(const float* gradient, const float* x, int64_t rows, int64_t channels,
                                             const ChannelAffine& line, double* sum, double* product) {
  add_gradient_sums_of<Silu>(gradient, x, rows, channels, line, sum, product);
}

MONGE_VECTORISED void group_rows_backward(const float* gradient, const float* x, int64_t rows, int64_t channels,
                                          const ChannelAffine& line, const float* offset, const float* slope,
                                          float* to) {
  group_rows_backward_of<Relu>(gradient, x, rows, channels, line, offset, slope, to);
}

MONGE_VECTORISED void group_rows_backward_silu(const float* gradient, const float* x, int64_t rows, int64_t channels,
                                               const ChannelAffine& line, const float* offset, const float* slope,
                                               float* to) {
  group_rows_backward_of<Silu>(gradient, x, rows, channels, line, offset, slope, to);
}

MONGE_VECTORISED void normalise_rows_backward(const float* gradient, const float* x, int64_t rows, int64_t channels,
                                              const ChannelAffine& line, const float* offset, const float* slope,
                                              float* to) {
  for (int64_t row = 0; row < rows; ++row, gradient += channels, x += channels, to += channels) {
    in_lanes(
        channels, [&](int64_t c, int64_t lanes) __attribute__((always_inline)) {
          const Lanes scale = load<Floats16>(line.scale + c, lanes);
          const Lanes d = load<Floats16>(x + c, lanes) - load<Floats16>(line.mean + c, lanes);
          const Lanes g =
              above_zero(d * scale + load<Floats16>(line.shift + c, lanes), load<Floats16>(gradient + c, lanes));
          store<Floats16>(
              to + c, (g - load<Floats16>(offset + c, lanes) - d * load<Floats16>(slope + c, lanes)) * scale, lanes);
        });
  }
}

MONGE_VECTORISED void leaky_residual_run(const float* shortcut, const float* dx, int64_t count, float ratio,
                                         float slope, float* out) {
  in_lanes(
      count, [&](int64_t at, int64_t lanes) __attribute__((always_inline)) {
        const Lanes sum = load<Floats16>(shortcut + at, lanes) + ratio * load<Floats16>(dx + at, lanes);
        store<Floats16>(out + at, sum > Lanes{} ? sum : slope * sum, lanes);
      });
}

MONGE_VECTORISED void leaky_residual_backward_run(const float* gradient, const float* out, int64_t count, float ratio,
                                                  float slope, float* to_shortcut, float* to_dx) {
  in_lanes(
      count, [&](int64_t at, int64_t lanes) __attribute__((always_inline)) {
        const Lanes from = load<Floats16>(gradient + at, lanes);
        const Lanes g = load<Floats16>(out + at, lanes) > Lanes{} ? from : slope * from;
        if (to_shortcut) store<Floats16>(to_shortcut + at, g, lanes);
        if (to_dx) store<Floats16>(to_dx + at, ratio * g, lanes);
      });
}

MONGE_VECTORISED void blend(const float* a, const float* b, float fraction, int64_t count, float* out) {
  in_lanes(
      count, [&](int64_t at, int64_t lanes) __attribute__((always_inline)) {
        store<Floats16>(
            out + at, (1 - fraction) * load<Floats16>(a + at, lanes) + fraction * load<Floats16>(b + at, lanes), lanes);
      });
}

MONGE_VECTORISED void weighted_sum(const float* const* from, const float* weights, int terms, int64_t count,
                                   float* out) {
  int64_t at = 0;
  for (; at + 4 * kLanes <= count; at += 4 * kLanes) {  // four sums, so that none waits for itself
    Lanes sum[4] = {};
    for (int i = 0; i < terms; ++i) {
      for (int k = 0; k < 4; ++k) sum[k] += weights[i] * load<Floats16>(from[i] + at + k * kLanes);
    }
    for (int k = 0; k < 4; ++k) store<Floats16>(out + at + k * kLanes, sum[k]);
  }
  in_lanes(
      count - at, [&](int64_t more, int64_t lanes) __attribute__((always_inline)) {
        Lanes sum{};
        for (int i = 0; i < terms; ++i) sum += weights[i] * load<Floats16>(from[i] + at + more, lanes);
        store<Floats16>(out + at + more, sum, lanes);
      });
}

}  // namespace monge::nn::ops

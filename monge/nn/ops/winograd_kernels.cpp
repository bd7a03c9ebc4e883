#include "monge/nn/ops/winograd_kernels.h"

#include <algorithm>
#include <utility>

#include "monge/nn/ops/winograd_transform.h"
#include "monge/nn/vector_width.h"

namespace monge::nn::winograd {
namespace {

// A pixel outside of the images points to these zeros.
alignas(64) constexpr float kZeros[kMostChannels + 16] = {};

/// The origin of a tile.
struct Corner {
  Corner(const Tiling& tiling, int64_t tile)
      : image(tile / (tiling.rows * tiling.columns)),
        y(tile / tiling.columns % tiling.rows * tiling.m),
        x(tile % tiling.columns * tiling.m) {}
  int64_t image, y, x;
};

/// Pointers to the pixels of a square of `side` from (y, x) on.
template <int side>
[[gnu::always_inline]] inline void pixels(const float* data, int64_t channels, const Tiling& t, int64_t image,
                                          int64_t y, int64_t x, const float* (&out)[side * side]) {
  const float* first = data + image * t.height * t.width * channels;
  for (int i = 0; i < side; ++i) {
    for (int j = 0; j < side; ++j) {
      const bool inside = y + i >= 0 && y + i < t.height && x + j >= 0 && x + j < t.width;
      out[i * side + j] = inside ? first + ((y + i) * t.width + x + j) * channels : kZeros;
    }
  }
}

template <int m>
struct Input {
  static constexpr int kSide = m + 2;

  template <int Lanes, bool partial>
  [[gnu::always_inline]] static inline void channels_of(const float* const (&from)[kSide * kSide], int64_t c,
                                                        int64_t left, float* to, int64_t plane) {
    Vector<Lanes> d[kSide * kSide], v[kSide * kSide];
#pragma GCC unroll 36
    for (int i = 0; i < kSide * kSide; ++i)
      d[i] = partial ? load<LooseFloats<Lanes>>(from[i] + c, left) : load<LooseFloats<Lanes>>(from[i] + c);
    both_axes<kSide, kSide>(d, v, [](auto... a) __attribute__((always_inline)) { Axis<m>::input(a...); });
#pragma GCC unroll 36
    for (int i = 0; i < kSide * kSide; ++i) store<LooseFloats<Lanes>>(to + i * plane + c, v[i]);
  }

  template <int Lanes>
  [[gnu::always_inline]] static inline void run(const float* x, int64_t channels, const Tiling* tiling, int64_t first,
                                                int64_t count, Planes v) {
    for (int64_t t = 0; t < count; ++t) {
      const Corner at(*tiling, first + t);
      const float* from[kSide * kSide];
      pixels<kSide>(x, channels, *tiling, at.image, at.y - 1, at.x - 1, from);
      float* to = v.data + t * v.row;
      int64_t c = 0;
      for (; c + Lanes <= channels; c += Lanes) channels_of<Lanes, false>(from, c, Lanes, to, v.plane);
      if (c < channels) channels_of<Lanes, true>(from, c, channels - c, to, v.plane);
    }
  }
};

template <int m>
struct Gradient {
  static constexpr int kSide = m + 2;

  template <int Lanes, bool partial>
  [[gnu::always_inline]] static inline void channels_of(const float* const (&from)[m * m], int64_t c, int64_t left,
                                                        float* to, int64_t plane, float* sums) {
    Vector<Lanes> d[m * m], v[kSide * kSide],
        sum = partial ? load<LooseFloats<Lanes>>(sums + c, left) : load<LooseFloats<Lanes>>(sums + c);
#pragma GCC unroll 16
    for (int i = 0; i < m * m; ++i) {
      d[i] = partial ? load<LooseFloats<Lanes>>(from[i] + c, left) : load<LooseFloats<Lanes>>(from[i] + c);
      sum += d[i];
    }
    partial ? store<LooseFloats<Lanes>>(sums + c, sum, left) : store<LooseFloats<Lanes>>(sums + c, sum);
    both_axes<m, kSide>(d, v, [](auto... a) __attribute__((always_inline)) { Axis<m>::output_adjoint(a...); });
#pragma GCC unroll 36
    for (int i = 0; i < kSide * kSide; ++i) store<LooseFloats<Lanes>>(to + i * plane + c, v[i]);
  }

  template <int Lanes>
  [[gnu::always_inline]] static inline void run(const float* dy, int64_t channels, const Tiling* tiling, int64_t first,
                                                int64_t count, Planes v, float* sums) {
    for (int64_t t = 0; t < count; ++t) {
      const Corner at(*tiling, first + t);
      const float* from[m * m];
      pixels<m>(dy, channels, *tiling, at.image, at.y, at.x, from);
      float* to = v.data + t * v.row;
      int64_t c = 0;
      for (; c + Lanes <= channels; c += Lanes) channels_of<Lanes, false>(from, c, Lanes, to, v.plane, sums);
      if (c < channels) channels_of<Lanes, true>(from, c, channels - c, to, v.plane, sums);
    }
  }
};

template <int m>
struct Output {
  static constexpr int kSide = m + 2;

  template <int Lanes>
  [[gnu::always_inline]] static inline void run(Planes p, const float* bias, float* y, int64_t channels,
                                                int64_t channel, int64_t width, const Tiling* tiling, int64_t first,
                                                int64_t count) {
    for (int64_t t = 0; t < count; ++t) {
      const Corner at(*tiling, first + t);
      const int64_t rows = std::min<int64_t>(m, tiling->height - at.y);
      const int64_t columns = std::min<int64_t>(m, tiling->width - at.x);
      float* to = y + ((at.image * tiling->height + at.y) * tiling->width + at.x) * channels + channel;
      for (int64_t c = 0; c < width; c += Lanes) {
        const int64_t left = std::min<int64_t>(width - c, Lanes);
        Vector<Lanes> u[kSide * kSide], out[m * m], shift{};
#pragma GCC unroll 36
        for (int i = 0; i < kSide * kSide; ++i) u[i] = load<LooseFloats<Lanes>>(p.data + i * p.plane + t * p.row + c);
        both_axes<kSide, m>(u, out, [](auto... a) __attribute__((always_inline)) { Axis<m>::output(a...); });
        if (bias) shift = load<LooseFloats<Lanes>>(bias + channel + c, left);
        if (left == Lanes && rows == m && columns == m) {
#pragma GCC unroll 16
          for (int i = 0; i < m * m; ++i)
            store<LooseFloats<Lanes>>(to + ((i / m) * tiling->width + i % m) * channels + c, out[i] + shift);
        } else {
          for (int i = 0; i < rows; ++i) {
            for (int j = 0; j < columns; ++j)
              store<LooseFloats<Lanes>>(to + (i * tiling->width + j) * channels + c, out[i * m + j] + shift, left);
          }
        }
      }
    }
  }
};

/// Transposes Lanes x Lanes numbers by log2(Lanes) rounds of interleaving the halves.
template <int Lanes, size_t... I>
[[gnu::always_inline]] inline void transpose(Vector<Lanes> (&x)[Lanes], std::index_sequence<I...>) {
  Vector<Lanes> other[Lanes];
#pragma GCC unroll 4
  for (int round = 1; round < Lanes; round *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < Lanes / 2; ++i) {
      other[2 * i] = __builtin_shufflevector(x[i], x[i + Lanes / 2], (I % 2 ? Lanes + I / 2 : I / 2)...);
      other[2 * i + 1] =
          __builtin_shufflevector(x[i], x[i + Lanes / 2], (Lanes / 2 + (I % 2 ? Lanes + I / 2 : I / 2))...);
    }
#pragma GCC unroll 16
    for (int i = 0; i < Lanes; ++i) x[i] = other[i];
  }
}

template <int m>
struct Weight {
  static constexpr int kSide = m + 2;

  template <int Lanes>
  [[gnu::always_inline]] static inline void put(const Vector<Lanes> (&g)[9], float* to, int64_t plane) {
    Vector<Lanes> u[kSide * kSide];
    both_axes<3, kSide>(g, u, [](auto... a) __attribute__((always_inline)) { Axis<m>::weight(a...); });
#pragma GCC unroll 36
    for (int i = 0; i < kSide * kSide; ++i) store<LooseFloats<Lanes>>(to + i * plane, u[i]);
  }

  template <int Lanes>
  [[gnu::always_inline]] static inline void run(const float* w, bool transposed, WeightPart part, float* panels) {
    const int64_t plane = part.count * gemm::kPanel;
    for (int64_t c = 0; c < gemm::kPanel; c += Lanes) {
      const int64_t n = part.channel + c, left = std::clamp<int64_t>(part.out - n, 0, Lanes);
      if (transposed) {
        for (int64_t k = 0; k < part.count; ++k) {
          Vector<Lanes> g[9];
#pragma GCC unroll 9
          for (int tap = 0; tap < 9; ++tap) {
            const float* from = w + ((part.first + k) * 9 + 8 - tap) * part.out + n;
            g[tap] = left == Lanes ? load<LooseFloats<Lanes>>(from) : load<LooseFloats<Lanes>>(from, left);
            __builtin_prefetch(from + kAhead * 9 * part.out);
          }
          put<Lanes>(g, panels + k * gemm::kPanel + c, plane);
        }
        continue;
      }
      for (int64_t k = 0; k < part.count; k += Lanes) {
        const int64_t rows = std::min<int64_t>(part.count - k, Lanes);
        Vector<Lanes> squares[9][Lanes];
        for (int tap = 0; tap < 9; ++tap) {
          for (int64_t i = 0; i < Lanes; ++i) {
            const float* from = w + ((n + i) * 9 + tap) * part.in + part.first + k;
            squares[tap][i] = i >= left       ? Vector<Lanes>{}
                              : rows == Lanes ? load<LooseFloats<Lanes>>(from)
                                              : load<LooseFloats<Lanes>>(from, rows);
            __builtin_prefetch(from + Lanes);
          }
          transpose<Lanes>(squares[tap], std::make_index_sequence<Lanes>());
        }
        for (int64_t i = 0; i < rows; ++i) {
          Vector<Lanes> g[9];
#pragma GCC unroll 9
          for (int tap = 0; tap < 9; ++tap) g[tap] = squares[tap][i];
          put<Lanes>(g, panels + (k + i) * gemm::kPanel + c, plane);
        }
      }
    }
  }

 private:
  // The number of rows to prefetch; they are too far apart for the processor's prefetcher.
  static constexpr int64_t kAhead = 4;
};

template <int m>
struct WeightGradient {
  static constexpr int kSide = m + 2;

  template <int Lanes>
  [[gnu::always_inline]] static inline void run(Planes u, int64_t parts, int64_t stride, int64_t in, int64_t count,
                                                float* dw) {
    for (int64_t row = 0; row < count; ++row) {
      for (int64_t c = 0; c < in; c += Lanes) {
        Vector<Lanes> sum[kSide * kSide], g[9];
        const float* from = u.data + row * u.row + c;
#pragma GCC unroll 36
        for (int i = 0; i < kSide * kSide; ++i) sum[i] = load<LooseFloats<Lanes>>(from + i * u.plane);
        for (int64_t part = 1; part < parts; ++part) {
#pragma GCC unroll 36
          for (int i = 0; i < kSide * kSide; ++i)
            sum[i] += load<LooseFloats<Lanes>>(from + part * stride + i * u.plane);
        }
        both_axes<kSide, 3>(sum, g, [](auto... a) __attribute__((always_inline)) { Axis<m>::weight_adjoint(a...); });
        float* to = dw + row * 9 * in + c;
        for (int tap = 0; tap < 9; ++tap)
          store<LooseFloats<Lanes>>(to + tap * in, g[tap], std::min<int64_t>(in - c, Lanes));
      }
    }
  }
};

struct Points {
  template <int Lanes>
  [[gnu::always_inline]] static inline void run(int points, Planes v, int64_t count, int64_t in, const float* panels,
                                                int64_t width, Planes p, bool accumulate) {
    for (int point = 0; point < points; ++point) {
      float* to = p.data + point * p.plane;
      gemm::packed_product<Lanes>(
          v.data + point * v.plane, v.row, panels + point * in * gemm::kPanel, count, in, width,
          [=](int64_t row, int64_t column, int64_t, const Vector<Lanes>& sum) __attribute__((always_inline)) {
            float* entry = to + row * p.row + column;
            store<LooseFloats<Lanes>>(entry, accumulate ? load<LooseFloats<Lanes>>(entry) + sum : sum);
          },
          [](int64_t, int64_t, int64_t, int64_t) __attribute__((always_inline)){});
    }
  }
};

}  // namespace

void transform_input(const float* x, int64_t channels, const Tiling& tiling, int64_t first, int64_t count, Planes v) {
  tiling.m == 2 ? run_widest<Input<2>>(x, channels, &tiling, first, count, v)
                : run_widest<Input<4>>(x, channels, &tiling, first, count, v);
}

void transform_gradient(const float* dy, int64_t channels, const Tiling& tiling, int64_t first, int64_t count, Planes v,
                        float* sums) {
  tiling.m == 2 ? run_widest<Gradient<2>>(dy, channels, &tiling, first, count, v, sums)
                : run_widest<Gradient<4>>(dy, channels, &tiling, first, count, v, sums);
}

void transform_output(Planes p, const float* bias, float* y, int64_t channels, int64_t channel, int64_t width,
                      const Tiling& tiling, int64_t first, int64_t count) {
  tiling.m == 2 ? run_widest<Output<2>>(p, bias, y, channels, channel, width, &tiling, first, count)
                : run_widest<Output<4>>(p, bias, y, channels, channel, width, &tiling, first, count);
}

void transform_weight(int m, const float* w, bool transposed, const WeightPart& part, float* panels) {
  m == 2 ? run_widest<Weight<2>>(w, transposed, part, panels) : run_widest<Weight<4>>(w, transposed, part, panels);
}

void transform_weight_gradient(int m, Planes u, int64_t parts, int64_t stride, int64_t in, int64_t count, float* dw) {
  m == 2 ? run_widest<WeightGradient<2>>(u, parts, stride, in, count, dw)
         : run_widest<WeightGradient<4>>(u, parts, stride, in, count, dw);
}

void multiply_points(int points, Planes v, int64_t count, int64_t in, const float* panels, int64_t width, Planes p,
                     bool accumulate) {
  run_widest<Points>(points, v, count, in, panels, width, p, accumulate);
}

}  // namespace monge::nn::winograd

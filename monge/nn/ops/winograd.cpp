#include "monge/nn/ops/winograd.h"

#include <c10/core/CPUAllocator.h>

#include <algorithm>

#include "monge/nn/gemm.h"
#include "monge/nn/operation_tally.h"
#include "monge/nn/ops/winograd_kernels.h"
#include "monge/nn/parts.h"

namespace monge::nn::winograd {
namespace {

constexpr int64_t kPanel = gemm::kPanel;

/// Uninitialised floats, aligned to 64 bytes.
class Floats {
 public:
  explicit Floats(int64_t count)
      : memory_(c10::GetCPUAllocator()->allocate(static_cast<size_t>(count) * sizeof(float))) {}
  float* data() const { return static_cast<float*>(memory_.get()); }

 private:
  c10::DataPtr memory_;
};

/// Planes with their own memory. Rows and planes are odd numbers of cache lines apart, because at powers of two they
/// would evict one another from the cache.
class OwnPlanes {
 public:
  OwnPlanes(int points, int64_t rows, int64_t channels)
      : row_((channels + kPanel - 1) / kPanel * kPanel + 16),
        plane_((row_ * rows + 1023) / 1024 * 1024 + 16),
        memory_(points * plane_) {}
  Planes planes() const { return {memory_.data(), row_, plane_}; }
  Planes from_row(int64_t row) const { return part(0, row, 0); }
  Planes part(int64_t point, int64_t row, int64_t channel) const {
    return {memory_.data() + point * plane_ + row * row_ + channel, row_, plane_};
  }
  int64_t size(int points) const { return points * plane_; }

 private:
  int64_t row_, plane_;
  Floats memory_;
};

/// The number of tiles that a block has: their inputs take about 384 KiB, so that they fit with weights and products in
/// a second cache of 1 MiB.
int64_t block_tiles(int points, int64_t channels) {
  return std::clamp<int64_t>((int64_t{384} << 10) / (4 * points * channels), 28, 126) / 14 * 14;
}

/// The number of tiles that a thread takes at once for a transform alone.
constexpr int64_t kTransformed = 56;

/// For few channels and many tiles: transforms all weights first; then each thread takes blocks of tiles through all
/// steps, so that they remain in its cache.
void convolve_by_tiles(const Tiling& tiling, const Shape& s, const float* x, const float* w, bool transposed,
                       const float* bias, float* y) {
  const int points = tiling.points();
  const int64_t panels = (s.out + kPanel - 1) / kPanel, panel_size = points * s.in * kPanel;
  const Floats weights(panels * panel_size);
  for_parts(panels, panels, [&](int64_t panel, int64_t, int64_t) {
    transform_weight(tiling.m, w, transposed, {s.in, s.out, 0, s.in, panel * kPanel},
                     weights.data() + panel * panel_size);
  });
  const int64_t threads = thread_count(tiling.tiles);
  const int64_t most = std::min(block_tiles(points, s.in), (tiling.tiles + threads - 1) / threads);
  PieceQueue blocks(tiling.tiles, most, 1, threads);
  on_threads(threads, [&] {
    const OwnPlanes v(points, most, s.in), p(points, most, kPanel);
    for (int64_t tile = 0, end = 0; blocks.take(tile, end);) {
      const int64_t count = end - tile;
      transform_input(x, s.in, tiling, tile, count, v.planes());
      for (int64_t panel = 0; panel < panels; ++panel) {
        const int64_t width = std::min(kPanel, s.out - panel * kPanel);
        multiply_points(points, v.planes(), count, s.in, weights.data() + panel * panel_size, width, p.planes(), false);
        transform_output(p.planes(), bias, y, s.out, panel * kPanel, width, tiling, tile, count);
      }
    }
  });
}

/// For many channels and few tiles: transforms all inputs first; then each thread transforms the weights of 32 output
/// channels and uses them at once, so that the weights, which are the larger part, are never stored.
void convolve_by_channels(const Tiling& tiling, const Shape& s, const float* x, const float* w, bool transposed,
                          const float* bias, float* y) {
  const int points = tiling.points();
  const OwnPlanes v(points, tiling.tiles, s.in);
  for_pieces(tiling.tiles, kTransformed, 1, thread_count(tiling.tiles), [&](int64_t begin, int64_t end) {
    transform_input(x, s.in, tiling, begin, end - begin, v.from_row(begin));
  });
  const int64_t panels = (s.out + kPanel - 1) / kPanel, threads = thread_count(panels);
  PieceQueue queue(panels, 1, 1, threads);
  on_threads(threads, [&] {
    // With few tiles each weight is used seldom, so the traffic of the weights matters: takes as many input channels at
    // once as keep the panels at 512 KiB.
    const int64_t most = tiling.tiles <= 126 ? (int64_t{512} << 10) / (4 * points * kPanel) / 16 * 16 : s.in;
    const int64_t depth = std::min(most, s.in);
    const Floats weights(points * depth * kPanel);
    const OwnPlanes p(points, tiling.tiles, kPanel);
    for (int64_t panel = 0, end = 0; queue.take(panel, end);) {
      const int64_t channel = panel * kPanel, width = std::min(kPanel, s.out - channel);
      for (int64_t k = 0; k < s.in; k += depth) {
        const int64_t count = std::min(depth, s.in - k);
        transform_weight(tiling.m, w, transposed, {s.in, s.out, k, count, channel}, weights.data());
        multiply_points(points, v.part(0, 0, k), tiling.tiles, count, weights.data(), width, p.planes(), k > 0);
      }
      transform_output(p.planes(), bias, y, s.out, channel, width, tiling, 0, tiling.tiles);
    }
  });
}

/// u[point] [out, in] (+)= g[point]^T v[point].
void multiply_gradients(int points, Planes g, Planes v, int64_t tiles, int64_t out, int64_t in, Planes u, bool add) {
  for (int point = 0; point < points; ++point) {
    gemm::multiply_transposed(g.data + point * g.plane, g.row, v.data + point * v.plane, v.row,
                              u.data + point * u.plane, u.row, tiles, out, (in + 15) / 16 * 16, add);
  }
}

/// The number of rows of a weight gradient that a thread takes at once for a transform.
constexpr int64_t kRowsAtOnce = 8;

/// For few channels and many tiles: sums even parts of the tiles, and adds the sums in the order of the parts.
void weight_gradient_by_tiles(const Tiling& tiling, const Shape& s, const float* x, const float* dy, float* dw,
                              float* sums, int64_t parts) {
  const int points = tiling.points();
  const OwnPlanes u(points, parts * s.out, s.in);  // each plane has the parts one after the other
  for_parts(tiling.tiles, parts, [&](int64_t part, int64_t begin, int64_t end) {
    const int64_t step = std::min(block_tiles(points, std::max(s.in, s.out)), end - begin);
    const OwnPlanes v(points, step, s.in), g(points, step, s.out);
    for (int64_t tile = begin; tile < end; tile += step) {
      const int64_t count = std::min(step, end - tile);
      transform_input(x, s.in, tiling, tile, count, v.planes());
      transform_gradient(dy, s.out, tiling, tile, count, g.planes(), sums + part * s.out);
      multiply_gradients(points, g.planes(), v.planes(), count, s.out, s.in, u.from_row(part * s.out), tile > begin);
    }
  });
  for_pieces(s.out, kRowsAtOnce, 1, thread_count(s.out), [&](int64_t begin, int64_t end) {
    transform_weight_gradient(tiling.m, u.from_row(begin), parts, s.out * u.planes().row, s.in, end - begin,
                              dw + begin * 9 * s.in);
  });
}

/// For sizes between: transforms all tiles first; then goes point by point, so that everything is read once.
void weight_gradient_by_points(const Tiling& tiling, const Shape& s, const float* x, const float* dy, float* dw,
                               float* sums, int64_t parts) {
  const int points = tiling.points();
  const OwnPlanes v(points, tiling.tiles, s.in), g(points, tiling.tiles, s.out), u(points, s.out, s.in);
  for_parts(tiling.tiles, parts, [&](int64_t part, int64_t begin, int64_t end) {
    transform_input(x, s.in, tiling, begin, end - begin, v.from_row(begin));
    transform_gradient(dy, s.out, tiling, begin, end - begin, g.from_row(begin), sums + part * s.out);
  });
  constexpr int64_t kRows = 56;
  const int64_t groups = (s.out + kRows - 1) / kRows, items = points * groups;
  for_parts(items, items, [&](int64_t item, int64_t, int64_t) {
    const int64_t point = item / groups, row = item % groups * kRows;
    multiply_gradients(1, g.part(point, 0, row), v.part(point, 0, 0), tiling.tiles, std::min(kRows, s.out - row), s.in,
                       u.part(point, row, 0), false);
  });
  for_pieces(s.out, kRowsAtOnce, 1, thread_count(s.out), [&](int64_t begin, int64_t end) {
    transform_weight_gradient(tiling.m, u.from_row(begin), 1, 0, s.in, end - begin, dw + begin * 9 * s.in);
  });
}

/// For many channels and few tiles: transforms all tiles first; then each thread computes the gradients of its output
/// channels, a few at a time.
void weight_gradient_by_channels(const Tiling& tiling, const Shape& s, const float* x, const float* dy, float* dw,
                                 float* sums, int64_t parts) {
  const int points = tiling.points();
  const OwnPlanes v(points, tiling.tiles, s.in), g(points, tiling.tiles, s.out);
  for_parts(tiling.tiles, parts, [&](int64_t part, int64_t begin, int64_t end) {
    transform_input(x, s.in, tiling, begin, end - begin, v.from_row(begin));
    transform_gradient(dy, s.out, tiling, begin, end - begin, g.from_row(begin), sums + part * s.out);
  });
  constexpr int64_t kRows = 28;  // two tiles of registers
  const int64_t groups = (s.out + kRows - 1) / kRows;
  const int64_t threads = thread_count(groups);
  PieceQueue queue(groups, 1, 1, threads);
  on_threads(threads, [&] {
    const OwnPlanes u(points, kRows, s.in);
    for (int64_t group = 0, end = 0; queue.take(group, end);) {
      const int64_t row = group * kRows, rows = std::min(kRows, s.out - row);
      auto part = g.planes();
      part.data += row;
      multiply_gradients(points, part, v.planes(), tiling.tiles, rows, s.in, u.planes(), false);
      transform_weight_gradient(tiling.m, u.planes(), 1, 0, s.in, rows, dw + row * 9 * s.in);
    }
  });
}

int64_t direct_operations(const Shape& s) { return 2 * 9 * s.batch * s.height * s.width * s.in * s.out; }

int64_t vectors(int64_t channels) { return (channels + 15) / 16; }

/// The cycles that F(m x m) is expected to need on one core with vectors of 16: one for each product, and the measured
/// ones of the transforms of inputs, outputs and weights, including their traffic with the second cache.
int64_t expected_cycles(int m, const Shape& s) {
  const Tiling tiling(m, s.batch, s.height, s.width);
  const int64_t per_tile = m == 2 ? 80 : 220, per_weight = m == 2 ? 90 : 180;
  return tiling.points() * tiling.tiles * s.in * vectors(s.out) +
         tiling.tiles * (vectors(s.in) + vectors(s.out)) * per_tile + s.in * vectors(s.out) * per_weight;
}

}  // namespace

int best_tile(const Shape& s) {
  // Sums over so few channels are too short to pay for the transforms.
  if (s.in < 8 || std::max(s.in, s.out) > kMostChannels) return 0;
  const int64_t two = expected_cycles(2, s), four = expected_cycles(4, s);
  const int64_t direct = 9 * s.batch * s.height * s.width * s.in * vectors(s.out);
  return std::min(two, four) >= direct ? 0 : two < four ? 2 : 4;
}

void convolve(int m, const Shape& shape, const float* x, const float* w, bool transposed, const float* bias, float* y) {
  const Tiling tiling(m, shape.batch, shape.height, shape.width);
  // The larger of weights and tiles is transformed where it is used, unless there are too few panels for the threads.
  const int64_t panels = (shape.out + kPanel - 1) / kPanel, threads = thread_count(panels);
  const bool by_channels = tiling.tiles <= shape.out && (panels % threads == 0 || panels > 3 * threads);
  (by_channels ? convolve_by_channels : convolve_by_tiles)(tiling, shape, x, w, transposed, bias, y);
  operation_tally += direct_operations(shape);
}

void weight_gradient(int m, const Shape& shape, const float* x, const float* dy, float* dw, float* dbias) {
  const Tiling tiling(m, shape.batch, shape.height, shape.width);
  const bool by_tiles = shape.in * shape.out <= 128 * 128;  // the sums nearly fit in the second cache
  // By tiles each part has sums as large as the weights, so there are not more parts than threads.
  const int64_t threads = thread_count(tiling.tiles), parts = by_tiles ? threads : std::min(4 * threads, tiling.tiles);
  const Floats sums(parts * shape.out);
  std::fill_n(sums.data(), parts * shape.out, 0.0F);
  const auto way = by_tiles                                            ? weight_gradient_by_tiles
                   : 8 * tiling.tiles >= std::max(shape.in, shape.out) ? weight_gradient_by_points
                                                                       : weight_gradient_by_channels;
  way(tiling, shape, x, dy, dw, sums.data(), parts);
  for (int64_t c = 0; c < shape.out; ++c) {
    float sum = 0;
    for (int64_t part = 0; part < parts; ++part) sum += sums.data()[part * shape.out + c];
    dbias[c] = sum;
  }
  // multiply_transposed has already counted its operations.
  const int64_t counted = 2 * tiling.points() * tiling.tiles * shape.out * ((shape.in + 15) / 16 * 16);
  operation_tally += direct_operations(shape) - counted;
}

}  // namespace monge::nn::winograd

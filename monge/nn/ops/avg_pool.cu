// Means over 3 x 3 pixels with stride 2, in NHWC. In the backward pass every input pixel collects from its one to four
// windows, so that no two threads add to one value.
#include "monge/nn/ops/device.h"

namespace monge::nn::ops {
inline namespace MONGE_KERNELS {
namespace {

template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    mean_of_windows(const T* __restrict__ x, int batch, int height, int width, int channels, T* __restrict__ out) {
  const int out_height = (height + 1) / 2, out_width = (width + 1) / 2;
  const Tile tile(static_cast<int64_t>(batch) * out_height * out_width, channels / N);
  const int c = tile.pack * N;
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    const int64_t line = row / out_width;
    const int left = 2 * static_cast<int>(row - line * out_width) - 1;
    const int64_t item = line / out_height;
    const int top = 2 * static_cast<int>(line - item * out_height) - 1;
    float sum[N] = {};
#pragma unroll
    for (int i = 0; i < 9; ++i) {
      const int h = top + i / 3, w = left + i % 3;
      if (h < 0 || w < 0 || h >= height || w >= width) continue;
      float value[N];
      load(x + ((item * height + h) * width + w) * channels + c, value);
#pragma unroll
      for (int j = 0; j < N; ++j) sum[j] += value[j];
    }
#pragma unroll
    for (int j = 0; j < N; ++j) sum[j] /= 9;
    store(out + row * channels + c, sum);
  }
}

template <class T, int N>
__global__ void __launch_bounds__(kThreads) collect_windows(const T* __restrict__ gradient_out, int batch, int height,
                                                            int width, int channels, T* __restrict__ gradient_x) {
  const int out_height = (height + 1) / 2, out_width = (width + 1) / 2;
  const Tile tile(static_cast<int64_t>(batch) * height * width, channels / N);
  const int c = tile.pack * N;
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    const int64_t line = row / width;
    const int w = static_cast<int>(row - line * width);
    const int64_t item = line / height;
    const int h = static_cast<int>(line - item * height);
    float sum[N] = {};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      // The windows oh with 2 oh - 1 <= h <= 2 oh + 1: h / 2 and, for odd h, the next one.
      const int oh = h / 2 + i / 2, ow = w / 2 + i % 2;
      if ((i / 2 == 1 && h % 2 == 0) || (i % 2 == 1 && w % 2 == 0) || oh >= out_height || ow >= out_width) continue;
      float value[N];
      load(gradient_out + ((item * out_height + oh) * out_width + ow) * channels + c, value);
#pragma unroll
      for (int j = 0; j < N; ++j) sum[j] += value[j];
    }
#pragma unroll
    for (int j = 0; j < N; ++j) sum[j] /= 9;
    store(gradient_x + row * channels + c, sum);
  }
}

}  // namespace

template <class T>
int launch_avg_pool(const T* x, int batch, int height, int width, int channels, T* out, void* stream) {
  const int64_t rows = static_cast<int64_t>(batch) * ((height + 1) / 2) * ((width + 1) / 2);
  const bool packed = channels % kPack<T> == 0 && aligned(x, out);
  return launch(packed ? mean_of_windows<T, kPack<T>> : mean_of_windows<T, 1>,
                tile_grid(rows, packed ? channels / kPack<T> : channels, kMostParts, 1), dim3(kThreads), stream, x,
                batch, height, width, channels, out);
}

template <class T>
int launch_avg_pool_backward(const T* gradient_out, int batch, int height, int width, int channels, T* gradient_x,
                             void* stream) {
  const int64_t rows = static_cast<int64_t>(batch) * height * width;
  const bool packed = channels % kPack<T> == 0 && aligned(gradient_out, gradient_x);
  return launch(packed ? collect_windows<T, kPack<T>> : collect_windows<T, 1>,
                tile_grid(rows, packed ? channels / kPack<T> : channels, kMostParts, 1), dim3(kThreads), stream,
                gradient_out, batch, height, width, channels, gradient_x);
}

#define MONGE_INSTANTIATE(T)                                             \
  template int launch_avg_pool(const T*, int, int, int, int, T*, void*); \
  template int launch_avg_pool_backward(const T*, int, int, int, int, T*, void*);
MONGE_INSTANTIATE(float)
MONGE_INSTANTIATE(Bf16)
#undef MONGE_INSTANTIATE

}  // namespace MONGE_KERNELS
}  // namespace monge::nn::ops

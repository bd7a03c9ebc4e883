// Batch norm and ReLU in NHWC: one pass over x computes the statistics, a second one the output. The backward pass has
// the same two passes over the gradient and x. It recomputes ReLU's mask from x, so that y is neither kept nor read.
#include "monge/nn/ops/device.h"

namespace monge::nn::ops {
inline namespace MONGE_KERNELS {
namespace {

/// Sums of x - pivot and of its square. Without the pivot, the first row, a mean far from 0 would cancel the variance.
template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    sums_of_x(const T* __restrict__ x, int64_t rows, int channels, float* __restrict__ partial) {
  const Tile tile(rows, channels / N);
  const int c = tile.pack * N;
  float pivot[N], sum[N] = {}, square[N] = {};
  load(x + c, pivot);
#pragma unroll 4
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    float value[N];
    load(x + row * channels + c, value);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float d = value[i] - pivot[i];
      sum[i] += d;
      square[i] += d * d;
    }
  }
  write_block_sums(tile, sum, square, channels, partial);
}

/// Sums of g, the gradient before ReLU, and of g (x - mean).
template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    sums_of_gradient(const T* __restrict__ gradient_y, const T* __restrict__ x, int64_t rows, int channels,
                     const float* __restrict__ mean, const float* __restrict__ invstd, const float* __restrict__ weight,
                     const float* __restrict__ bias, float* __restrict__ partial) {
  const Tile tile(rows, channels / N);
  const int c = tile.pack * N;
  float centre[N], scale[N], shift[N], sum[N] = {}, product[N] = {};
  for (int i = 0; i < N; ++i) {
    centre[i] = mean[c + i];
    scale[i] = invstd[c + i] * weight[c + i];
    shift[i] = bias[c + i];
  }
#pragma unroll 2
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    float value[N], gradient[N];
    load(x + row * channels + c, value);
    load(gradient_y + row * channels + c, gradient);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float d = value[i] - centre[i];
      const float g = d * scale[i] + shift[i] > 0 ? gradient[i] : 0.0F;
      sum[i] += g;
      product[i] += g * d;
    }
  }
  write_block_sums(tile, sum, product, channels, partial);
}

constexpr int kColumns = 32, kRows = 32;  // threads of a block that adds parts

struct Sums {
  double a, b;
};

/// The sums of a channel over all parts, in the threads with threadIdx.y == 0.
__device__ inline Sums over_parts(const float* partial, int parts, int channels, int c) {
  __shared__ double a[kRows][kColumns], b[kRows][kColumns];
  Sums out{0, 0};
  if (c < channels) {
    for (int part = static_cast<int>(threadIdx.y); part < parts; part += kRows) {
      out.a += static_cast<double>(partial[static_cast<int64_t>(part) * channels + c]);
      out.b += static_cast<double>(partial[static_cast<int64_t>(parts + part) * channels + c]);
    }
  }
  a[threadIdx.y][threadIdx.x] = out.a;
  b[threadIdx.y][threadIdx.x] = out.b;
  __syncthreads();
  if (threadIdx.y > 0) return out;
  for (int row = 1; row < kRows; ++row) {
    out.a += a[row][threadIdx.x];
    out.b += b[row][threadIdx.x];
  }
  return out;
}

template <class T>
__global__ void __launch_bounds__(kColumns* kRows)
    statistics_of_sums(const float* __restrict__ partial, int parts, const T* __restrict__ x, int64_t rows,
                       int channels, float momentum, float eps, float* __restrict__ mean, float* __restrict__ invstd,
                       float* __restrict__ running_mean, float* __restrict__ running_variance) {
  const int c = static_cast<int>(blockIdx.x * kColumns + threadIdx.x);
  const Sums sums = over_parts(partial, parts, channels, c);
  if (threadIdx.y > 0 || c >= channels) return;
  const double count = static_cast<double>(rows), off = sums.a / count;
  const double centre = static_cast<double>(widened(x[c])) + off;
  const double squares = sums.b - sums.a * off;
  const double variance = squares > 0 ? squares / count : 0;  // rounding may make it negative for a constant channel
  mean[c] = static_cast<float>(centre);
  invstd[c] = static_cast<float>(1.0 / sqrt(variance + static_cast<double>(eps)));
  const double unbiased = variance * count / (count - 1);
  running_mean[c] = (1 - momentum) * running_mean[c] + momentum * static_cast<float>(centre);
  running_variance[c] = (1 - momentum) * running_variance[c] + momentum * static_cast<float>(unbiased);
}

/// coefficients [2, channels]: the mean of g, and that of g (x - mean) times invstd^2; zeros for constant statistics.
__global__ void __launch_bounds__(kColumns* kRows)
    gradients_of_sums(const float* __restrict__ partial, int parts, int64_t rows, int channels,
                      const float* __restrict__ invstd, bool training, float* __restrict__ gradient_weight,
                      float* __restrict__ gradient_bias, float* __restrict__ coefficients) {
  const int c = static_cast<int>(blockIdx.x * kColumns + threadIdx.x);
  const Sums sums = over_parts(partial, parts, channels, c);
  if (threadIdx.y > 0 || c >= channels) return;
  const double inverse = static_cast<double>(invstd[c]), count = static_cast<double>(rows);
  gradient_bias[c] = static_cast<float>(sums.a);
  gradient_weight[c] = static_cast<float>(sums.b * inverse);
  coefficients[c] = training ? static_cast<float>(sums.a / count) : 0.0F;
  coefficients[channels + c] = training ? static_cast<float>(sums.b / count * inverse * inverse) : 0.0F;
}

template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    normalise(const T* __restrict__ x, int64_t rows, int channels, const float* __restrict__ mean,
              const float* __restrict__ invstd, const float* __restrict__ weight, const float* __restrict__ bias,
              T* __restrict__ y) {
  const Tile tile(rows, channels / N);
  const int c = tile.pack * N;
  float centre[N], scale[N], shift[N];
  for (int i = 0; i < N; ++i) {
    centre[i] = mean[c + i];
    scale[i] = invstd[c + i] * weight[c + i];
    shift[i] = bias[c + i];
  }
#pragma unroll 4
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    float value[N];
    load(x + row * channels + c, value);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float out = (value[i] - centre[i]) * scale[i] + shift[i];
      value[i] = out < 0 ? 0.0F : out;  // not `out > 0`: NaN remains NaN, as in torch::relu
    }
    store(y + row * channels + c, value);
  }
}

template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    chain_normalise(const T* __restrict__ gradient_y, const T* __restrict__ x, int64_t rows, int channels,
                    const float* __restrict__ mean, const float* __restrict__ invstd, const float* __restrict__ weight,
                    const float* __restrict__ bias, const float* __restrict__ coefficients,
                    T* __restrict__ gradient_x) {
  const Tile tile(rows, channels / N);
  const int c = tile.pack * N;
  float centre[N], scale[N], shift[N], plain[N], sloped[N];
  for (int i = 0; i < N; ++i) {
    centre[i] = mean[c + i];
    scale[i] = invstd[c + i] * weight[c + i];
    shift[i] = bias[c + i];
    plain[i] = coefficients[c + i];
    sloped[i] = coefficients[channels + c + i];
  }
#pragma unroll 2
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    float value[N], gradient[N];
    load(x + row * channels + c, value);
    load(gradient_y + row * channels + c, gradient);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float d = value[i] - centre[i];
      const float g = d * scale[i] + shift[i] > 0 ? gradient[i] : 0.0F;
      value[i] = (g - plain[i] - d * sloped[i]) * scale[i];
    }
    store(gradient_x + row * channels + c, value);
  }
}

dim3 columns_grid(int channels) { return dim3(static_cast<unsigned>((channels + kColumns - 1) / kColumns)); }

template <class T, int N>
int batch_statistics(const T* x, int64_t rows, int channels, float momentum, float eps, float* mean, float* invstd,
                     float* running_mean, float* running_variance, float* scratch, void* stream) {
  const dim3 grid = tile_grid(rows, channels / N, kMostSums, 8);
  const int failed = launch(sums_of_x<T, N>, grid, dim3(kThreads), stream, x, rows, channels, scratch);
  if (failed != 0) return failed;
  return launch(statistics_of_sums<T>, columns_grid(channels), dim3(kColumns, kRows), stream, scratch,
                static_cast<int>(grid.x), x, rows, channels, momentum, eps, mean, invstd, running_mean,
                running_variance);
}

template <class T, int N>
int normalise_backward(const T* gradient_y, const T* x, int64_t rows, int channels, const float* mean,
                       const float* invstd, const float* weight, const float* bias, bool training, T* gradient_x,
                       float* gradient_weight, float* gradient_bias, float* scratch, void* stream) {
  const dim3 grid = tile_grid(rows, channels / N, kMostSums, 8);
  float* coefficients = scratch + 2 * kMostSums * channels;
  int failed = launch(sums_of_gradient<T, N>, grid, dim3(kThreads), stream, gradient_y, x, rows, channels, mean, invstd,
                      weight, bias, scratch);
  if (failed != 0) return failed;
  failed =
      launch(gradients_of_sums, columns_grid(channels), dim3(kColumns, kRows), stream, scratch,
             static_cast<int>(grid.x), rows, channels, invstd, training, gradient_weight, gradient_bias, coefficients);
  if (failed != 0) return failed;
  return launch(chain_normalise<T, N>, tile_grid(rows, channels / N, kMostParts, 2), dim3(kThreads), stream, gradient_y,
                x, rows, channels, mean, invstd, weight, bias, coefficients, gradient_x);
}

}  // namespace

template <class T>
int launch_batch_statistics(const T* x, int64_t rows, int channels, float momentum, float eps, float* mean,
                            float* invstd, float* running_mean, float* running_variance, float* scratch, void* stream) {
  const auto run = channels % kPack<T> == 0 && aligned(x) ? batch_statistics<T, kPack<T>> : batch_statistics<T, 1>;
  return run(x, rows, channels, momentum, eps, mean, invstd, running_mean, running_variance, scratch, stream);
}

template <class T>
int launch_normalise_relu(const T* x, int64_t rows, int channels, const float* mean, const float* invstd,
                          const float* weight, const float* bias, T* y, void* stream) {
  if (channels % kPack<T> == 0 && aligned(x, y)) {
    return launch(normalise<T, kPack<T>>, tile_grid(rows, channels / kPack<T>, kMostParts, 4), dim3(kThreads), stream,
                  x, rows, channels, mean, invstd, weight, bias, y);
  }
  return launch(normalise<T, 1>, tile_grid(rows, channels, kMostParts, 4), dim3(kThreads), stream, x, rows, channels,
                mean, invstd, weight, bias, y);
}

template <class T>
int launch_normalise_relu_backward(const T* gradient_y, const T* x, int64_t rows, int channels, const float* mean,
                                   const float* invstd, const float* weight, const float* bias, bool training,
                                   T* gradient_x, float* gradient_weight, float* gradient_bias, float* scratch,
                                   void* stream) {
  const auto run = channels % kPack<T> == 0 && aligned(gradient_y, x, gradient_x) ? normalise_backward<T, kPack<T>>
                                                                                  : normalise_backward<T, 1>;
  return run(gradient_y, x, rows, channels, mean, invstd, weight, bias, training, gradient_x, gradient_weight,
             gradient_bias, scratch, stream);
}

#define MONGE_INSTANTIATE(T)                                                                                         \
  template int launch_batch_statistics(const T*, int64_t, int, float, float, float*, float*, float*, float*, float*, \
                                       void*);                                                                       \
  template int launch_normalise_relu(const T*, int64_t, int, const float*, const float*, const float*, const float*, \
                                     T*, void*);                                                                     \
  template int launch_normalise_relu_backward(const T*, const T*, int64_t, int, const float*, const float*,          \
                                              const float*, const float*, bool, T*, float*, float*, float*, void*);
MONGE_INSTANTIATE(float)
MONGE_INSTANTIATE(Bf16)
#undef MONGE_INSTANTIATE

}  // namespace MONGE_KERNELS
}  // namespace monge::nn::ops

// tau ||x - y||^2 of each item: parts of an item first, then their sum in a fixed order.
#include "monge/nn/ops/device.h"

namespace monge::nn::ops {
inline namespace MONGE_KERNELS {
namespace {

/// Place in x of entry `at` of an item of y, when x is by planes and y by pixels.
__device__ inline int64_t place_in_x(int64_t at, int channels, int64_t planes) {
  if (planes == 0) return at;
  const int64_t pixel = at / channels;
  return (at - pixel * channels) * planes + pixel;
}

/// The sum over a block in thread 0.
__device__ inline float block_sum(float x) {
  __shared__ float warps[kThreads / 32];
  x = warp_sum(x);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  if (threadIdx.x % 32 == 0) warps[warp] = x;
  __syncthreads();
  if (threadIdx.x > 0) return 0;
  for (int w = 1; w < kThreads / 32; ++w) x += warps[w];
  return x;
}

template <class X, class Y, int N>
__global__ void __launch_bounds__(kThreads)
    distance_parts(const X* __restrict__ x, const Y* __restrict__ y, int64_t count, int channels, int64_t planes,
                   float* __restrict__ scratch) {
  const int64_t item = blockIdx.y;
  x += item * count;
  y += item * count;
  float sum = 0;
  const Stride<N> stride;
  for (int64_t at = stride.first; at < count; at += stride.step) {
    float a[N], b[N];
    load(x + (N == 1 ? place_in_x(at, channels, planes) : at), a);
    load(y + at, b);
#pragma unroll
    for (int i = 0; i < N; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) scratch[item * gridDim.x + blockIdx.x] = sum;
}

__global__ void distance_of_parts(const float* __restrict__ scratch, int batch, int parts, float tau,
                                  float* __restrict__ out) {
  const int item = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (item >= batch) return;
  float sum = 0;
  for (int part = 0; part < parts; ++part) sum += scratch[item * parts + part];
  out[item] = tau * sum;
}

template <class X, class Y, int N>
__global__ void __launch_bounds__(kThreads)
    chain_distance(const float* __restrict__ gradient_out, const X* __restrict__ x, const Y* __restrict__ y,
                   int64_t count, int channels, int64_t planes, float tau, X* __restrict__ gradient_x,
                   Y* __restrict__ gradient_y) {
  const int64_t item = blockIdx.y;
  const float scale = 2 * tau * gradient_out[item];
  const Stride<N> stride;
  for (int64_t at = stride.first; at < count; at += stride.step) {
    const int64_t at_x = item * count + (N == 1 ? place_in_x(at, channels, planes) : at), at_y = item * count + at;
    float a[N], b[N];
    load(x + at_x, a);
    load(y + at_y, b);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      a[i] = scale * (a[i] - b[i]);
      b[i] = -a[i];
    }
    if (gradient_x != nullptr) store(gradient_x + at_x, a);
    if (gradient_y != nullptr) store(gradient_y + at_y, b);
  }
}

/// Packs are of the same number of entries of both, and of 16 bytes: of types of one size.
template <class X, class Y>
constexpr int kBoth = sizeof(X) == sizeof(Y) ? kPack<X> : 1;

dim3 item_grid(int64_t threads, int batch) {
  const int64_t blocks = (threads + kThreads - 1) / kThreads;
  return dim3(static_cast<unsigned>(blocks < kDistanceParts ? blocks : kDistanceParts), static_cast<unsigned>(batch));
}

}  // namespace

template <class X, class Y>
int launch_squared_distance(const X* x, const Y* y, int batch, int64_t count, int channels, int64_t planes, float tau,
                            float* out, float* scratch, void* stream) {
  const bool packed = kBoth<X, Y> > 1 && planes == 0 && count % kBoth<X, Y> == 0 && aligned(x, y);
  const dim3 grid = item_grid(packed ? count / kBoth<X, Y> : count, batch);
  const int failed = launch(packed ? distance_parts<X, Y, kBoth<X, Y>> : distance_parts<X, Y, 1>, grid, dim3(kThreads),
                            stream, x, y, count, channels, planes, scratch);
  if (failed != 0) return failed;
  return launch(distance_of_parts, dim3(static_cast<unsigned>((batch + 31) / 32)), dim3(32), stream, scratch, batch,
                static_cast<int>(grid.x), tau, out);
}

template <class X, class Y>
int launch_squared_distance_backward(const float* gradient_out, const X* x, const Y* y, int batch, int64_t count,
                                     int channels, int64_t planes, float tau, X* gradient_x, Y* gradient_y,
                                     void* stream) {
  const bool packed =
      kBoth<X, Y> > 1 && planes == 0 && count % kBoth<X, Y> == 0 && aligned(x, y, gradient_x, gradient_y);
  return launch(packed ? chain_distance<X, Y, kBoth<X, Y>> : chain_distance<X, Y, 1>,
                item_grid(packed ? count / kBoth<X, Y> : count, batch), dim3(kThreads), stream, gradient_out, x, y,
                count, channels, planes, tau, gradient_x, gradient_y);
}

#define MONGE_INSTANTIATE(X, Y)                                                                                       \
  template int launch_squared_distance(const X*, const Y*, int, int64_t, int, int64_t, float, float*, float*, void*); \
  template int launch_squared_distance_backward(const float*, const X*, const Y*, int, int64_t, int, int64_t, float,  \
                                                X*, Y*, void*);
MONGE_INSTANTIATE(float, float)
MONGE_INSTANTIATE(float, Bf16)
MONGE_INSTANTIATE(Bf16, Bf16)
#undef MONGE_INSTANTIATE

}  // namespace MONGE_KERNELS
}  // namespace monge::nn::ops

// lrelu(shortcut + ratio dx) and its gradients, one pass each.
#include "monge/nn/ops/device.h"

namespace monge::nn::ops {
inline namespace MONGE_KERNELS {
namespace {

template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    add_and_rectify(const T* shortcut, const T* dx, int64_t count, float ratio, float slope, T* out) {
  const Stride<N> stride;
  for (int64_t at = stride.first; at < count; at += stride.step) {
    float a[N], b[N];
    load(shortcut + at, a);
    load(dx + at, b);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float sum = a[i] + ratio * b[i];
      a[i] = sum > 0 ? sum : slope * sum;
    }
    store(out + at, a);
  }
}

template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    chain_residual(const T* gradient_out, const T* out, int64_t count, float ratio, float slope, T* gradient_shortcut,
                   T* gradient_dx) {
  const Stride<N> stride;
  for (int64_t at = stride.first; at < count; at += stride.step) {
    float g[N], value[N];
    load(gradient_out + at, g);
    load(out + at, value);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      g[i] = value[i] > 0 ? g[i] : slope * g[i];
      value[i] = ratio * g[i];
    }
    if (gradient_shortcut != nullptr) store(gradient_shortcut + at, g);
    if (gradient_dx != nullptr) store(gradient_dx + at, value);
  }
}

}  // namespace

template <class T>
int launch_leaky_residual(const T* shortcut, const T* dx, int64_t count, float ratio, float slope, T* out,
                          void* stream) {
  if (count % kPack<T> == 0 && aligned(shortcut, dx, out)) {
    return launch(add_and_rectify<T, kPack<T>>, flat_grid(count / kPack<T>), dim3(kThreads), stream, shortcut, dx,
                  count, ratio, slope, out);
  }
  return launch(add_and_rectify<T, 1>, flat_grid(count), dim3(kThreads), stream, shortcut, dx, count, ratio, slope,
                out);
}

template <class T>
int launch_leaky_residual_backward(const T* gradient_out, const T* out, int64_t count, float ratio, float slope,
                                   T* gradient_shortcut, T* gradient_dx, void* stream) {
  if (count % kPack<T> == 0 && aligned(gradient_out, out, gradient_shortcut, gradient_dx)) {
    return launch(chain_residual<T, kPack<T>>, flat_grid(count / kPack<T>), dim3(kThreads), stream, gradient_out, out,
                  count, ratio, slope, gradient_shortcut, gradient_dx);
  }
  return launch(chain_residual<T, 1>, flat_grid(count), dim3(kThreads), stream, gradient_out, out, count, ratio, slope,
                gradient_shortcut, gradient_dx);
}

#define MONGE_INSTANTIATE(T)                                                                \
  template int launch_leaky_residual(const T*, const T*, int64_t, float, float, T*, void*); \
  template int launch_leaky_residual_backward(const T*, const T*, int64_t, float, float, T*, T*, void*);
MONGE_INSTANTIATE(float)
MONGE_INSTANTIATE(Bf16)
#undef MONGE_INSTANTIATE

}  // namespace MONGE_KERNELS
}  // namespace monge::nn::ops

// Normal noise written where it is wanted, with seed and offset read from device memory: a captured graph that advances
// the offset draws anew at each replay.
#include "monge/nn/ops/device.h"
#include "monge/nn/ops/philox.h"

namespace monge::nn::ops {
inline namespace MONGE_KERNELS {
namespace {

/// Four places a thread, the numbers of one Philox block. Packed: all four are of one item.
template <class T, bool Packed>
__global__ void __launch_bounds__(kThreads) scaled_normals(const T* x, const float* sigma, int64_t total, int64_t count,
                                                           const uint64_t* state, uint32_t id, T* out) {
  const uint64_t seed = state[0], offset = state[1];
  const Stride<4> stride;
  for (int64_t at = stride.first; at < total; at += stride.step) {
    float n[4];
    four_normals(seed, offset, id, static_cast<uint64_t>(at / 4), n);
    if constexpr (Packed) {
      float value[4] = {};
      if (x != nullptr) load(x + at, value);
      const float level = sigma[at / count];
      for (int i = 0; i < 4; ++i) value[i] += level * n[i];
      store(out + at, value);
    } else {
      for (int i = 0; i < 4 && at + i < total; ++i) {
        const float centre = x != nullptr ? widened(x[at + i]) : 0.0F;
        narrow(centre + sigma[(at + i) / count] * n[i], out[at + i]);
      }
    }
  }
}

/// One pixel a thread: channels are few.
template <class T>
__global__ void __launch_bounds__(kThreads)
    noise_behind(const T* x, int64_t pixels, int draws, int channels, int64_t planes, bool channels_last,
                 int noise_channels, float deviation, const uint64_t* state, uint32_t id, T* out) {
  const uint64_t seed = state[0], offset = state[1];
  const Stride<1> stride;
  for (int64_t pixel = stride.first; pixel < pixels; pixel += stride.step) {
    const int64_t item = pixel / planes, place = pixel - item * planes;
    const T* from = x + (item / draws) * channels * planes + (channels_last ? place * channels : place);
    T* to = out + pixel * (channels + noise_channels);
    for (int c = 0; c < channels; ++c) to[c] = from[channels_last ? c : c * planes];
    float n[4];
    uint64_t held = ~uint64_t{0};
    for (int k = 0; k < noise_channels; ++k) {
      const auto at = static_cast<uint64_t>(pixel * noise_channels + k);
      if (at / 4 != held) {
        held = at / 4;
        four_normals(seed, offset, id, held, n);
      }
      narrow(deviation * n[at % 4], to[channels + k]);
    }
  }
}

}  // namespace

template <class T>
int launch_add_noise(const T* x, const float* sigma, int batch, int64_t count, const uint64_t* state, uint32_t id,
                     T* out, void* stream) {
  const int64_t total = batch * count;
  const bool packed = count % 4 == 0 && aligned(x, out);
  return launch(packed ? scaled_normals<T, true> : scaled_normals<T, false>, flat_grid((total + 3) / 4), dim3(kThreads),
                stream, x, sigma, total, count, state, id, out);
}

template <class T>
int launch_with_noise(const T* x, int batch, int draws, int channels, int64_t planes, bool channels_last,
                      int noise_channels, float deviation, const uint64_t* state, uint32_t id, T* out, void* stream) {
  const int64_t pixels = static_cast<int64_t>(batch) * draws * planes;
  return launch(noise_behind<T>, flat_grid(pixels), dim3(kThreads), stream, x, pixels, draws, channels, planes,
                channels_last, noise_channels, deviation, state, id, out);
}

#define MONGE_INSTANTIATE(T)                                                                                        \
  template int launch_add_noise(const T*, const float*, int, int64_t, const uint64_t*, uint32_t, T*, void*);        \
  template int launch_with_noise(const T*, int, int, int, int64_t, bool, int, float, const uint64_t*, uint32_t, T*, \
                                 void*);
MONGE_INSTANTIATE(float)
MONGE_INSTANTIATE(Bf16)
#undef MONGE_INSTANTIATE

}  // namespace MONGE_KERNELS
}  // namespace monge::nn::ops

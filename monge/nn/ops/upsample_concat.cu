// Concatenates the skip and the lower level, enlarged with aligned corners, without storing the enlarged image.
#include "monge/nn/ops/device.h"

namespace monge::nn::ops {
inline namespace MONGE_KERNELS {
namespace {

/// Input pixels per output pixel when the corners are aligned; LibTorch's formula, in float as there.
__host__ __device__ inline float aligned_scale(int in, int out) {
  return out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1) : 0.0F;
}

/// The interpolation taps of output pixel `out` along one axis: (1 - fraction) low[first] + fraction low[second].
struct Taps {
  __device__ Taps(float scale, int out, int in) {
    const float at = scale * static_cast<float>(out);
    first = static_cast<int>(at) < in - 1 ? static_cast<int>(at) : in - 1;
    second = first < in - 1 ? first + 1 : first;
    fraction = at - static_cast<float>(first);
    fraction = fraction < 0 ? 0.0F : (fraction > 1 ? 1.0F : fraction);
  }
  /// The weight of input pixel `in`.
  __device__ float weight(int in) const {
    return (in == first ? 1 - fraction : 0.0F) + (in == second ? fraction : 0.0F);
  }
  int first, second;
  float fraction;
};

/// The range of output pixels that may read input pixel `in`, with one more on each side because of rounding.
struct TransposedTaps {
  __device__ TransposedTaps(float scale, int in, int out) {
    if (scale == 0) {
      first = 0, last = out - 1;
      return;
    }
    const int from = static_cast<int>(static_cast<float>(in - 1) / scale) - 1;
    const int to = static_cast<int>(static_cast<float>(in + 1) / scale) + 1;
    first = from > 0 ? from : 0;
    last = to < out - 1 ? to : out - 1;
  }
  int first, last;
};

struct Pixel {
  __device__ Pixel(int64_t row, int height, int width) {
    const auto line = static_cast<uint32_t>(row / width);
    x = static_cast<int>(row - static_cast<int64_t>(line) * width);
    item = static_cast<int>(line / static_cast<uint32_t>(height));
    y = static_cast<int>(line - static_cast<uint32_t>(item) * static_cast<uint32_t>(height));
  }
  int item, y, x;
};

template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    enlarge_behind(const T* __restrict__ skip, const T* __restrict__ low, Frame f, T* __restrict__ out) {
  const int channels = f.skip_channels + f.low_channels;
  const int64_t rows = static_cast<int64_t>(f.batch) * f.height * f.width;
  const Tile tile(rows, channels / N);
  const int c = tile.pack * N;
  const float down = aligned_scale(f.low_height, f.up_height), right = aligned_scale(f.low_width, f.up_width);
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    float value[N];
    if (c < f.skip_channels) {
      load(skip + row * f.skip_channels + c, value);
    } else {
      const Pixel at(row, f.height, f.width);
      const int y = at.y - f.top, x = at.x - f.left;
      if (y < 0 || x < 0 || y >= f.up_height || x >= f.up_width) {
        for (int i = 0; i < N; ++i) value[i] = 0;
      } else {
        const Taps v(down, y, f.low_height), h(right, x, f.low_width);
        const int64_t above = (static_cast<int64_t>(at.item) * f.low_height + v.first) * f.low_width;
        const int64_t below = (static_cast<int64_t>(at.item) * f.low_height + v.second) * f.low_width;
        const T* from = low + (c - f.skip_channels);
        float p[N], q[N], r[N], s[N];
        load(from + (above + h.first) * f.low_channels, p);
        load(from + (above + h.second) * f.low_channels, q);
        load(from + (below + h.first) * f.low_channels, r);
        load(from + (below + h.second) * f.low_channels, s);
#pragma unroll
        for (int i = 0; i < N; ++i) {
          value[i] = (1 - v.fraction) * ((1 - h.fraction) * p[i] + h.fraction * q[i]) +
                     v.fraction * ((1 - h.fraction) * r[i] + h.fraction * s[i]);
        }
      }
    }
    store(out + row * channels + c, value);
  }
}

/// Every pixel of `low` collects from the output pixels that read it, so that no two threads add to one value.
template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    collect_enlarged(const T* __restrict__ gradient_out, Frame f, T* __restrict__ gradient_low) {
  const int channels = f.skip_channels + f.low_channels;
  const int64_t rows = static_cast<int64_t>(f.batch) * f.low_height * f.low_width;
  const Tile tile(rows, f.low_channels / N);
  const int c = tile.pack * N;
  const float down = aligned_scale(f.low_height, f.up_height), right = aligned_scale(f.low_width, f.up_width);
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    const Pixel at(row, f.low_height, f.low_width);
    const TransposedTaps v(down, at.y, f.up_height), h(right, at.x, f.up_width);
    float sum[N] = {};
    for (int y = v.first; y <= v.last; ++y) {
      const float weight_y = Taps(down, y, f.low_height).weight(at.y);
      if (weight_y == 0) continue;
      const int64_t line = (static_cast<int64_t>(at.item) * f.height + f.top + y) * f.width + f.left;
      for (int x = h.first; x <= h.last; ++x) {
        const float weight = weight_y * Taps(right, x, f.low_width).weight(at.x);
        if (weight == 0) continue;
        float gradient[N];
        load(gradient_out + (line + x) * channels + f.skip_channels + c, gradient);
#pragma unroll
        for (int i = 0; i < N; ++i) sum[i] += weight * gradient[i];
      }
    }
    store(gradient_low + row * f.low_channels + c, sum);
  }
}

template <class T>
bool in_packs(const Frame& frame) {
  return frame.skip_channels % kPack<T> == 0 && frame.low_channels % kPack<T> == 0;
}

}  // namespace

template <class T>
int launch_upsample_concat(const T* skip, const T* low, const Frame& frame, T* out, void* stream) {
  const int64_t rows = static_cast<int64_t>(frame.batch) * frame.height * frame.width;
  const int channels = frame.skip_channels + frame.low_channels;
  const bool packed = in_packs<T>(frame) && aligned(skip, low, out);
  return launch(packed ? enlarge_behind<T, kPack<T>> : enlarge_behind<T, 1>,
                tile_grid(rows, packed ? channels / kPack<T> : channels, kMostParts, 2), dim3(kThreads), stream, skip,
                low, frame, out);
}

template <class T>
int launch_upsample_concat_backward(const T* gradient_out, const Frame& frame, T* gradient_low, void* stream) {
  const int64_t rows = static_cast<int64_t>(frame.batch) * frame.low_height * frame.low_width;
  const bool packed = in_packs<T>(frame) && aligned(gradient_out, gradient_low);
  return launch(packed ? collect_enlarged<T, kPack<T>> : collect_enlarged<T, 1>,
                tile_grid(rows, packed ? frame.low_channels / kPack<T> : frame.low_channels, kMostParts, 1),
                dim3(kThreads), stream, gradient_out, frame, gradient_low);
}

#define MONGE_INSTANTIATE(T)                                                        \
  template int launch_upsample_concat(const T*, const T*, const Frame&, T*, void*); \
  template int launch_upsample_concat_backward(const T*, const Frame&, T*, void*);
MONGE_INSTANTIATE(float)
MONGE_INSTANTIATE(Bf16)
#undef MONGE_INSTANTIATE

}  // namespace MONGE_KERNELS
}  // namespace monge::nn::ops

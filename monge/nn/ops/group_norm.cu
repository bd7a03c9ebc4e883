// Group norm with an affine map of each sample and SiLU or ReLU, in NHWC: one pass over x computes the statistics, a
// second one the output. The backward pass has the same two passes over the gradient and x, and recomputes the
// activation's argument from x. Between the passes one block per group of a sample adds the sums of its channels.
#include "monge/nn/ops/device.h"

namespace monge::nn::ops {
inline namespace MONGE_KERNELS {
namespace {

/// A block's piece of one sample. blockIdx.x counts the parts of all samples.
struct SampleTile : Tile {
  __device__ SampleTile(const GroupedImages& images, int packs, int parts)
      : Tile(images.rows, packs, blockIdx.x % static_cast<unsigned>(parts), parts),
        sample(blockIdx.x / static_cast<unsigned>(parts)),
        begin(sample * images.rows * images.channels) {}
  int64_t sample, begin;  ///< begin: the place of the sample's first value
};

/// A grid for SampleTile: at most `most` parts in all, but one for each sample.
inline dim3 sample_grid(const GroupedImages& images, int packs, int64_t most, int64_t least) {
  const int64_t of_one = most / images.batch;
  dim3 grid = tile_grid(images.rows, packs, of_one > 1 ? of_one : 1, least);
  grid.x *= static_cast<unsigned>(images.batch);
  return grid;
}

int parts_of(const dim3& grid, const GroupedImages& images) {
  return static_cast<int>(grid.x / static_cast<unsigned>(images.batch));
}

/// The affine map of the N channels from c on. They may belong to several groups.
template <int N>
struct GroupLines {
  __device__ GroupLines(const GroupedImages& images, const GroupAffine& affine, int64_t sample, int c) {
    const int width = images.channels / images.groups;
    const int64_t line = (affine.per_sample ? sample * images.channels : 0) + c;
    for (int i = 0; i < N; ++i) {
      const int64_t group = sample * images.groups + (c + i) / width;
      centre[i] = affine.mean[group];
      scale[i] = affine.invstd[group] * affine.gamma[line + i];
      shift[i] = affine.beta[line + i];
    }
  }
  float centre[N], scale[N], shift[N];
};

template <bool kSilu>
__device__ inline float activated(float x) {
  if constexpr (kSilu) {
    return x / (1 + expf(-x));
  } else {
    return x < 0 ? 0.0F : x;  // not `x > 0`: NaN remains NaN, as in torch::relu
  }
}

/// The gradient of the activation's argument x from that of its value.
template <bool kSilu>
__device__ inline float gradient_of_argument(float gradient, float x) {
  if constexpr (kSilu) {
    const float sigmoid = 1 / (1 + expf(-x));
    return gradient * sigmoid * (1 + x * (1 - sigmoid));
  } else {
    return x > 0 ? gradient : 0.0F;
  }
}

/// Sums of x - pivot and of its square. The pivot of a group is its first value in the sample: without it a mean far
/// from 0 would cancel the variance.
template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    sums_of_samples(const T* __restrict__ x, GroupedImages images, int parts, float* __restrict__ partial) {
  const SampleTile tile(images, images.channels / N, parts);
  const int c = tile.pack * N, width = images.channels / images.groups;
  const T* from = x + tile.begin;
  float pivot[N], sum[N] = {}, square[N] = {};
  for (int i = 0; i < N; ++i) pivot[i] = widened(from[(c + i) / width * width]);
#pragma unroll 4
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    float value[N];
    load(from + row * images.channels + c, value);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float d = value[i] - pivot[i];
      sum[i] += d;
      square[i] += d * d;
    }
  }
  write_block_sums(tile, sum, square, images.channels, partial);
}

/// Sums of g, the gradient before the activation, and of g (x - mean).
template <class T, int N, bool kSilu>
__global__ void __launch_bounds__(kThreads)
    gradient_sums_of_samples(const T* __restrict__ gradient_y, const T* __restrict__ x, GroupedImages images,
                             GroupAffine affine, int parts, float* __restrict__ partial) {
  const SampleTile tile(images, images.channels / N, parts);
  const int c = tile.pack * N;
  const GroupLines<N> line(images, affine, tile.sample, c);
  float sum[N] = {}, product[N] = {};
#pragma unroll 2
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    const int64_t at = tile.begin + row * images.channels + c;
    float value[N], gradient[N];
    load(x + at, value);
    load(gradient_y + at, gradient);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float d = value[i] - line.centre[i];
      const float g = gradient_of_argument<kSilu>(gradient[i], d * line.scale[i] + line.shift[i]);
      sum[i] += g;
      product[i] += g * d;
    }
  }
  write_block_sums(tile, sum, product, images.channels, partial);
}

constexpr int kGroupThreads = 128;  // of a block that adds the sums of one group of one sample

struct GroupSums {
  double a, b;
};

/// The group that this block adds.
struct GroupOfBlock {
  __device__ explicit GroupOfBlock(const GroupedImages& images)
      : index(blockIdx.x),
        sample(index / images.groups),
        width(images.channels / images.groups),
        first(static_cast<int>(index % images.groups) * width) {}
  int64_t index, sample;
  int width, first;  ///< number of channels, and the first of them
};

/// Adds the parts of each channel of the block's group and calls term(channel, sums) for each. Returns the sum of what
/// it returned, on all threads. The order of all sums depends on the sizes alone.
template <class Term>
__device__ inline GroupSums over_group(const float* partial, int parts, const GroupedImages& images,
                                       const GroupOfBlock& group, const Term& term) {
  __shared__ double a[kGroupThreads], b[kGroupThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const int columns = group.width < kGroupThreads ? group.width : kGroupThreads, step = kGroupThreads / columns;
  const int column = thread % columns, row = thread / columns;
  const int64_t kind = images.batch * parts * images.channels;
  const float* from = partial + group.sample * parts * images.channels + group.first;
  GroupSums all{0, 0};
  for (int begin = 0; begin < group.width; begin += columns) {
    const int c = begin + column;
    GroupSums own{0, 0};
    if (c < group.width && row < step) {
      for (int part = row; part < parts; part += step) {
        const int64_t at = static_cast<int64_t>(part) * images.channels + c;
        own.a += static_cast<double>(from[at]);
        own.b += static_cast<double>(from[kind + at]);
      }
    }
    a[thread] = own.a;
    b[thread] = own.b;
    __syncthreads();
    if (c < group.width && row == 0) {
      for (int other = 1; other < step; ++other) {
        own.a += a[other * columns + column];
        own.b += b[other * columns + column];
      }
      const GroupSums found = term(group.first + c, own);
      all.a += found.a;
      all.b += found.b;
    }
    __syncthreads();
  }
  a[thread] = all.a;
  b[thread] = all.b;
  __syncthreads();
  for (int apart = kGroupThreads / 2; apart > 0; apart /= 2) {
    if (thread < apart) {
      a[thread] += a[thread + apart];
      b[thread] += b[thread + apart];
    }
    __syncthreads();
  }
  return {a[0], b[0]};
}

template <class T>
__global__ void __launch_bounds__(kGroupThreads)
    statistics_of_groups(const float* __restrict__ partial, int parts, const T* __restrict__ x, GroupedImages images,
                         float eps, float* __restrict__ mean, float* __restrict__ invstd) {
  const GroupOfBlock group(images);
  const GroupSums sums = over_group(partial, parts, images, group, [](int, const GroupSums& own) { return own; });
  if (threadIdx.x > 0) return;
  const double count = static_cast<double>(images.rows) * group.width, off = sums.a / count;
  const double squares = sums.b - sums.a * off;
  const double variance = squares < 0 ? 0 : squares / count;  // rounding may make it negative for a constant group
  const double pivot = static_cast<double>(widened(x[group.sample * images.rows * images.channels + group.first]));
  mean[group.index] = static_cast<float>(pivot + off);
  invstd[group.index] = static_cast<float>(1.0 / sqrt(variance + static_cast<double>(eps)));
}

/// coefficients [2, batch, groups]: invstd mean(gamma g), and invstd^3 mean(gamma g (x - mean)), means over the group.
__global__ void __launch_bounds__(kGroupThreads)
    gradients_of_groups(const float* __restrict__ partial, int parts, GroupedImages images, GroupAffine affine,
                        float* __restrict__ gradient_gamma, float* __restrict__ gradient_beta,
                        float* __restrict__ coefficients) {
  const GroupOfBlock group(images);
  const double inverse = static_cast<double>(affine.invstd[group.index]);
  const int64_t line = group.sample * images.channels;
  const float* gamma = affine.gamma + (affine.per_sample ? line : 0);
  const GroupSums sums = over_group(partial, parts, images, group, [&](int c, const GroupSums& own) {
    gradient_gamma[line + c] = static_cast<float>(own.b * inverse);
    gradient_beta[line + c] = static_cast<float>(own.a);
    const double weight = static_cast<double>(gamma[c]);
    return GroupSums{weight * own.a, weight * own.b};
  });
  if (threadIdx.x > 0) return;
  const double count = static_cast<double>(images.rows) * group.width;
  coefficients[group.index] = static_cast<float>(inverse * sums.a / count);
  coefficients[images.batch * images.groups + group.index] =
      static_cast<float>(inverse * inverse * inverse * sums.b / count);
}

template <class T, int N, bool kSilu>
__global__ void __launch_bounds__(kThreads)
    normalise_samples(const T* __restrict__ x, GroupedImages images, GroupAffine affine, int parts, T* __restrict__ y) {
  const SampleTile tile(images, images.channels / N, parts);
  const int c = tile.pack * N;
  const GroupLines<N> line(images, affine, tile.sample, c);
#pragma unroll 4
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    const int64_t at = tile.begin + row * images.channels + c;
    float value[N];
    load(x + at, value);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      value[i] = activated<kSilu>((value[i] - line.centre[i]) * line.scale[i] + line.shift[i]);
    }
    store(y + at, value);
  }
}

template <class T, int N, bool kSilu>
__global__ void __launch_bounds__(kThreads)
    chain_samples(const T* __restrict__ gradient_y, const T* __restrict__ x, GroupedImages images, GroupAffine affine,
                  const float* __restrict__ coefficients, int parts, T* __restrict__ gradient_x) {
  const SampleTile tile(images, images.channels / N, parts);
  const int c = tile.pack * N, width = images.channels / images.groups;
  const GroupLines<N> line(images, affine, tile.sample, c);
  float plain[N], sloped[N];
  for (int i = 0; i < N; ++i) {
    const int64_t group = tile.sample * images.groups + (c + i) / width;
    plain[i] = coefficients[group];
    sloped[i] = coefficients[images.batch * images.groups + group];
  }
#pragma unroll 2
  for (int64_t row = tile.first; row < tile.end; row += tile.step) {
    const int64_t at = tile.begin + row * images.channels + c;
    float value[N], gradient[N];
    load(x + at, value);
    load(gradient_y + at, gradient);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float d = value[i] - line.centre[i];
      const float g = gradient_of_argument<kSilu>(gradient[i], d * line.scale[i] + line.shift[i]);
      value[i] = g * line.scale[i] - plain[i] - d * sloped[i];
    }
    store(gradient_x + at, value);
  }
}

dim3 group_grid(const GroupedImages& images) { return dim3(static_cast<unsigned>(images.batch * images.groups)); }

template <class T, int N>
int group_statistics(const T* x, const GroupedImages& images, float eps, float* mean, float* invstd, float* scratch,
                     void* stream) {
  const dim3 grid = sample_grid(images, images.channels / N, kMostSums, 8);
  const int parts = parts_of(grid, images);
  const int failed = launch(sums_of_samples<T, N>, grid, dim3(kThreads), stream, x, images, parts, scratch);
  if (failed != 0) return failed;
  return launch(statistics_of_groups<T>, group_grid(images), dim3(kGroupThreads), stream, scratch, parts, x, images,
                eps, mean, invstd);
}

template <class T, int N, bool kSilu>
int group_normalise(const T* x, const GroupedImages& images, const GroupAffine& affine, T* y, void* stream) {
  const dim3 grid = sample_grid(images, images.channels / N, kMostParts, 4);
  return launch(normalise_samples<T, N, kSilu>, grid, dim3(kThreads), stream, x, images, affine, parts_of(grid, images),
                y);
}

template <class T, int N, bool kSilu>
int group_backward(const T* gradient_y, const T* x, const GroupedImages& images, const GroupAffine& affine,
                   T* gradient_x, float* gradient_gamma, float* gradient_beta, float* scratch, float* coefficients,
                   void* stream) {
  dim3 grid = sample_grid(images, images.channels / N, kMostSums, 8);
  const int parts = parts_of(grid, images);
  int failed = launch(gradient_sums_of_samples<T, N, kSilu>, grid, dim3(kThreads), stream, gradient_y, x, images,
                      affine, parts, scratch);
  if (failed != 0) return failed;
  failed = launch(gradients_of_groups, group_grid(images), dim3(kGroupThreads), stream, scratch, parts, images, affine,
                  gradient_gamma, gradient_beta, coefficients);
  if (failed != 0) return failed;
  grid = sample_grid(images, images.channels / N, kMostParts, 2);
  return launch(chain_samples<T, N, kSilu>, grid, dim3(kThreads), stream, gradient_y, x, images, affine, coefficients,
                parts_of(grid, images), gradient_x);
}

}  // namespace

template <class T>
int launch_group_statistics(const T* x, const GroupedImages& images, float eps, float* mean, float* invstd,
                            float* scratch, void* stream) {
  const auto run =
      images.channels % kPack<T> == 0 && aligned(x) ? group_statistics<T, kPack<T>> : group_statistics<T, 1>;
  return run(x, images, eps, mean, invstd, scratch, stream);
}

template <class T>
int launch_group_normalise(const T* x, const GroupedImages& images, const GroupAffine& affine, bool is_silu, T* y,
                           void* stream) {
  constexpr int kN = kPack<T>;
  const bool packed = images.channels % kN == 0 && aligned(x, y);
  const auto run = is_silu ? (packed ? group_normalise<T, kN, true> : group_normalise<T, 1, true>)
                           : (packed ? group_normalise<T, kN, false> : group_normalise<T, 1, false>);
  return run(x, images, affine, y, stream);
}

template <class T>
int launch_group_normalise_backward(const T* gradient_y, const T* x, const GroupedImages& images,
                                    const GroupAffine& affine, bool is_silu, T* gradient_x, float* gradient_gamma,
                                    float* gradient_beta, float* scratch, float* coefficients, void* stream) {
  constexpr int kN = kPack<T>;
  const bool packed = images.channels % kN == 0 && aligned(gradient_y, x, gradient_x);
  const auto run = is_silu ? (packed ? group_backward<T, kN, true> : group_backward<T, 1, true>)
                           : (packed ? group_backward<T, kN, false> : group_backward<T, 1, false>);
  return run(gradient_y, x, images, affine, gradient_x, gradient_gamma, gradient_beta, scratch, coefficients, stream);
}

#define MONGE_INSTANTIATE(T)                                                                                           \
  template int launch_group_statistics(const T*, const GroupedImages&, float, float*, float*, float*, void*);          \
  template int launch_group_normalise(const T*, const GroupedImages&, const GroupAffine&, bool, T*, void*);            \
  template int launch_group_normalise_backward(const T*, const T*, const GroupedImages&, const GroupAffine&, bool, T*, \
                                               float*, float*, float*, float*, void*);
MONGE_INSTANTIATE(float)
MONGE_INSTANTIATE(Bf16)
#undef MONGE_INSTANTIATE

}  // namespace MONGE_KERNELS
}  // namespace monge::nn::ops

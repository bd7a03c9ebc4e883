// Common parts of this folder's kernels: loads of 16 bytes, conversion of float and Bf16, grids and launches. Only .cu
// files include it. It includes no header of LibTorch, because nvcc takes minutes for them. The tests compile the same
// files after tests/support/cuda_on_cpu.h, which emulates the runtime.
#pragma once

#include <cstdint>
#include <cstring>

#include "monge/nn/ops/kernels.h"

#ifndef MONGE_EMULATED
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#endif

namespace monge::nn::ops {
inline namespace MONGE_KERNELS {

#ifndef MONGE_EMULATED
/// Starts a kernel; 0 or the runtime's error.
template <class... Parameters, class... Arguments>
int launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, void* stream, Arguments... arguments) {
  kernel<<<grid, block, 0, static_cast<cudaStream_t>(stream)>>>(static_cast<Parameters>(arguments)...);
  return static_cast<int>(cudaGetLastError());
}
#endif

__device__ inline float widened(float x) { return x; }
__device__ inline float widened(Bf16 x) { return __uint_as_float(static_cast<uint32_t>(x.bits) << 16); }

__device__ inline void narrow(float x, float& to) { to = x; }
/// Rounds to nearest, ties to even.
__device__ inline void narrow(float x, Bf16& to) {
#ifdef MONGE_EMULATED
  const uint32_t bits = __float_as_uint(x);
  to.bits = x != x ? 0x7fc0 : static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
#else
  to.bits = __bfloat16_as_ushort(__float2bfloat16_rn(x));
#endif
}

/// The number of values that one thread moves at once: 16 bytes.
template <class T>
constexpr int kPack = 16 / static_cast<int>(sizeof(T));

/// Loads N values, by one load of 16 or 8 bytes if they have that size; `from` must then be aligned to it.
template <int N, class T>
__device__ inline void load(const T* from, float (&to)[N]) {
  if constexpr (N * sizeof(T) == 16) {
    const uint4 raw = *reinterpret_cast<const uint4*>(from);
    T numbers[N];
    memcpy(numbers, &raw, 16);
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = widened(numbers[i]);
  } else if constexpr (N * sizeof(T) == 8) {
    const uint2 raw = *reinterpret_cast<const uint2*>(from);
    T numbers[N];
    memcpy(numbers, &raw, 8);
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = widened(numbers[i]);
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = widened(from[i]);
  }
}

template <int N, class T>
__device__ inline void store(T* to, const float (&from)[N]) {
  if constexpr (N * sizeof(T) == 16) {
    T numbers[N];
#pragma unroll
    for (int i = 0; i < N; ++i) narrow(from[i], numbers[i]);
    uint4 raw;
    memcpy(&raw, numbers, 16);
    *reinterpret_cast<uint4*>(to) = raw;
  } else if constexpr (N * sizeof(T) == 8) {
    T numbers[N];
#pragma unroll
    for (int i = 0; i < N; ++i) narrow(from[i], numbers[i]);
    uint2 raw;
    memcpy(&raw, numbers, 8);
    *reinterpret_cast<uint2*>(to) = raw;
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) narrow(from[i], to[i]);
  }
}

template <class... Pointers>
bool aligned(const Pointers*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

constexpr int kThreads = 256;  // per block

/// A block's piece of a row-major matrix [rows, packs], whose rows are pixels and whose packs are channels. A thread
/// has one pack and goes down the rows, so that it reads the values of its channels once and divides no index in the
/// loop. Neighbouring threads take neighbouring packs, then the next row, so that a warp reads contiguous memory.
struct Tile {
  __device__ Tile(int64_t rows, int packs) : Tile(rows, packs, blockIdx.x, gridDim.x) {}
  /// Part `part` of the rows out of `parts`, for grids whose blockIdx.x also counts matrices.
  __device__ Tile(int64_t rows, int packs, int64_t part, int64_t parts) {
    const int left = packs - static_cast<int>(blockIdx.y) * kThreads;
    width = left < kThreads ? left : kThreads;
    step = kThreads / width;
    const int thread = static_cast<int>(threadIdx.x);
    local_pack = thread % width;
    local_row = thread / width;
    pack = static_cast<int>(blockIdx.y) * kThreads + local_pack;
    const int64_t rows_per_block = (rows + parts - 1) / parts, begin = rows_per_block * part;
    end = begin + rows_per_block < rows ? begin + rows_per_block : rows;
    first = local_row < step ? begin + local_row : end;  // the remaining threads have no row
  }
  int width, step, local_pack, local_row, pack;
  int64_t first, end;
};

/// Writes the sums of a block, partial [2, gridDim.x, channels], from those of its threads. A later kernel adds them in
/// the order of the blocks.
template <int N>
__device__ inline void write_block_sums(const Tile& tile, const float (&a)[N], const float (&b)[N], int channels,
                                        float* partial) {
  __shared__ float rows_a[kThreads * N], rows_b[kThreads * N];
  const int span = tile.width * N;  // number of channels of this block
  if (tile.local_row < tile.step) {
    for (int i = 0; i < N; ++i) {
      rows_a[tile.local_row * span + tile.local_pack * N + i] = a[i];
      rows_b[tile.local_row * span + tile.local_pack * N + i] = b[i];
    }
  }
  __syncthreads();
  const int64_t kind = static_cast<int64_t>(gridDim.x) * channels;
  for (int c = static_cast<int>(threadIdx.x); c < span; c += kThreads) {
    float sum_a = 0, sum_b = 0;
    for (int row = 0; row < tile.step; ++row) {
      sum_a += rows_a[row * span + c];
      sum_b += rows_b[row * span + c];
    }
    const int64_t at =
        static_cast<int64_t>(blockIdx.x) * channels + static_cast<int64_t>(blockIdx.y) * kThreads * N + c;
    partial[at] = sum_a;
    partial[kind + at] = sum_b;
  }
}

/// A grid for Tile: at most `most` parts of the rows, none with fewer than `least` steps of a block.
inline dim3 tile_grid(int64_t rows, int packs, int64_t most, int64_t least) {
  const int step = packs < kThreads ? kThreads / packs : 1;
  const int64_t parts = (rows + step * least - 1) / (step * least);
  return dim3(static_cast<unsigned>(parts < most ? (parts > 0 ? parts : 1) : most),
              static_cast<unsigned>((packs + kThreads - 1) / kThreads));
}

// Limits for passes without a reduction: many waves of the 132 multiprocessors of an H200.
constexpr int64_t kMostParts = 4096, kMostBlocks = 16384;

/// The first index of this thread in a flat array, and the step to its next, for packs of N.
template <int N>
struct Stride {
  __device__ Stride()
      : first((static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * N),
        step(static_cast<int64_t>(gridDim.x) * kThreads * N) {}
  int64_t first, step;
};

inline dim3 flat_grid(int64_t threads) {
  const int64_t blocks = (threads + kThreads - 1) / kThreads;
  return dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks));
}

}  // namespace MONGE_KERNELS
}  // namespace monge::nn::ops

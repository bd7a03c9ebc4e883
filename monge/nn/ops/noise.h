// Normal noise from a counter: a pure function of (seed, offset, stream, place), whose seed and offset lie in the
// memory of the device. A captured CUDA graph that ends with advance_noise() draws anew at every replay, and a CPU
// gives the same numbers within rounding (log, sine and cosine differ by some units of the last place).
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace monge::nn::ops {

/// {seed, offset} as int64 [2]. Who draws reads it; nobody else writes it but these functions.
torch::Tensor noise_state(uint64_t seed, torch::Device device, uint64_t offset = 0);

/// offset += 1, on the device.
void advance_noise(const torch::Tensor& state);

/// The numbers themselves as float32 [count]: number i is entry i % 4 of Philox4x32-10 with the key `seed` and the
/// counter (i / 4, stream, offset), two words by Box and Muller. By LibTorch's operators on any device.
torch::Tensor plain_normals(int64_t count, const torch::Tensor& state, uint32_t stream);

/// x + sigma_b n, n by the place of an entry in memory.
/// @param x       [B, ...], dense. Gradients go through to it unchanged.
/// @param sigma   float32 [B].
/// @param stream  tells draws of one state apart.
torch::Tensor plain_add_noise(const torch::Tensor& x, const torch::Tensor& sigma, const torch::Tensor& state,
                              uint32_t stream);
/// The same in one pass, in float32, on a GPU also in bfloat16. On a CPU it is there for the GPU's numbers and not for
/// speed: 0.4 to 0.5 ms for 49,152 of them on two threads, where torch::randn and a sum take 0.2 to 0.3
/// (bench/operators.cpp).
torch::Tensor add_noise(const torch::Tensor& x, const torch::Tensor& sigma, const torch::Tensor& state,
                        uint32_t stream);

/// sigma_b n alone, like x.
torch::Tensor scaled_noise(const torch::Tensor& like, const torch::Tensor& sigma, const torch::Tensor& state,
                           uint32_t stream);

/// The input of a stochastic map: each image `draws` times, each time with `channels` of deviation * n behind its own.
/// n by the place in a channels_last tensor [B * draws, channels, H, W]. No gradient.
/// @param x  [B, C, H, W]. @return [B * draws, C + channels, H, W], channels_last.
torch::Tensor plain_with_noise(const torch::Tensor& x, int64_t draws, int64_t channels, double deviation,
                               const torch::Tensor& state, uint32_t stream);
/// The same in one pass, for contiguous or channels_last x in float32, on a GPU also in bfloat16.
torch::Tensor with_noise(const torch::Tensor& x, int64_t draws, int64_t channels, double deviation,
                         const torch::Tensor& state, uint32_t stream);

}  // namespace monge::nn::ops

// Normal numbers that are a pure function of (seed, offset, stream, place): Philox4x32-10 of Salmon et al. 2011 and the
// transform of Box and Muller. The same text for kernels and for the CPU.
#pragma once

#include <cmath>
#include <cstdint>

#if defined(__CUDACC__)
#define MONGE_BOTH __host__ __device__
#else
#define MONGE_BOTH
#endif

namespace monge::nn::ops {

struct Philox4 {
  uint32_t at[4];
};

/// Ten rounds over `counter`.
MONGE_BOTH inline Philox4 philox(Philox4 counter, uint64_t seed) {
  auto key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53U} * counter.at[0], b = uint64_t{0xCD9E8D57U} * counter.at[2];
    counter = {{static_cast<uint32_t>(b >> 32) ^ counter.at[1] ^ key0, static_cast<uint32_t>(b),
                static_cast<uint32_t>(a >> 32) ^ counter.at[3] ^ key1, static_cast<uint32_t>(a)}};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return counter;
}

/// Two normal numbers from two words. The first is taken into (0, 1], so the largest number is 6.7.
MONGE_BOTH inline void box_muller(uint32_t a, uint32_t b, float& first, float& second) {
  const float u = static_cast<float>(a) * 2.3283064e-10F + 1.1641532e-10F;  // 2^-32, and half of it
  const float turn = static_cast<float>(b) * 2.3283064e-10F;
  const float radius = sqrtf(-2.0F * logf(u));
#if defined(__CUDA_ARCH__)
  float sine, cosine;
  sincospif(2.0F * turn, &sine, &cosine);
#else
  // Whole and half turns by symmetry come out exactly in sincospif; double and one rounding come as close.
  const double angle = 6.283185307179586 * static_cast<double>(turn);
  const auto sine = static_cast<float>(std::sin(angle)), cosine = static_cast<float>(std::cos(angle));
#endif
  first = radius * cosine;
  second = radius * sine;
}

/// The numbers of places 4 block .. 4 block + 3.
MONGE_BOTH inline void four_normals(uint64_t seed, uint64_t offset, uint32_t stream, uint64_t block, float (&out)[4]) {
  // Counter: place, stream, offset. Places go to 2^34, far beyond a batch.
  const Philox4 words = philox(
      {{static_cast<uint32_t>(block), stream, static_cast<uint32_t>(offset), static_cast<uint32_t>(offset >> 32)}},
      seed);
  box_muller(words.at[0], words.at[1], out[0], out[1]);
  box_muller(words.at[2], words.at[3], out[2], out[3]);
}

}  // namespace monge::nn::ops

#undef MONGE_BOTH

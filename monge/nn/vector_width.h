// The vector width of the processor, for kernels that are compiled once for each width.
#pragma once

#include <algorithm>
#include <atomic>

namespace monge::nn {

/// These attributes enable the instructions in one function and in the code inlined into it. The build itself remains
/// portable, and no inline function of a header is compiled for a newer processor by accident.
#if defined(__x86_64__) && defined(__GNUC__)
#define MONGE_X86_KERNELS 1
#define MONGE_TARGET_512 [[gnu::target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]]
#define MONGE_TARGET_256 [[gnu::target("avx2,fma")]]
#else
#define MONGE_TARGET_512
#define MONGE_TARGET_256
#endif

enum class VectorWidth { portable, bits_256, bits_512 };

/// The widest that kernels may use. Tests lower it to check the narrower ones.
inline std::atomic<VectorWidth> widest_allowed{VectorWidth::bits_512};

/// The widest width that this processor has and `widest_allowed` allows.
inline VectorWidth vector_width() {
#ifdef MONGE_X86_KERNELS
  static const VectorWidth found = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                                           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
                                       ? VectorWidth::bits_512
                                   : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
                                       ? VectorWidth::bits_256
                                       : VectorWidth::portable;
  return std::min(found, widest_allowed.load(std::memory_order_relaxed));
#else
  return VectorWidth::portable;
#endif
}

/// run_widest calls Kernel::run<Lanes>(arguments...), compiled for vector_width(). Lanes is the number of floats of one
/// vector: 16 with 512 bits, else 8. Kernel::run must be always_inline.
template <class Kernel, class... Arguments>
MONGE_TARGET_512 void run_512(Arguments... arguments) {
  Kernel::template run<16>(arguments...);
}
template <class Kernel, class... Arguments>
MONGE_TARGET_256 void run_256(Arguments... arguments) {
  Kernel::template run<8>(arguments...);
}
template <class Kernel, class... Arguments>
void run_widest(Arguments... arguments) {
  switch (vector_width()) {
    case VectorWidth::bits_512:
      return run_512<Kernel>(arguments...);
    case VectorWidth::bits_256:
      return run_256<Kernel>(arguments...);
    case VectorWidth::portable:
      return Kernel::template run<8>(arguments...);
  }
}

}  // namespace monge::nn

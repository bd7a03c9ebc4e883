// Compiles loops for several instruction sets.
#pragma once

/// Put before a function, MONGE_VECTORISED makes one clone of it for each instruction set. The loader selects the best
/// clone when the program starts, so the build remains portable. The clones are named by features and not by "arch=",
/// which matches one processor only and falls back to the slowest clone on every later one. Functions that the clone
/// calls must be inlined into it (MONGE_INLINE) to be cloned too.
///
/// GCC contracts a product and a sum to one instruction in C++, in ISO mode too. The two wider clones therefore round
/// once where "default" rounds twice, and the last bits of floats may differ between processors. Integers do not
/// differ.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define MONGE_VECTORISED __attribute__((target_clones("avx512f", "avx2,fma", "default")))
#else
#define MONGE_VECTORISED
#endif

#define MONGE_INLINE [[gnu::always_inline]] inline

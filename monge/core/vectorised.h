// Loops that are compiled for several sets of instructions.
#pragma once

/// Before a function: makes one clone of it for each set of instructions, of which the loader chooses the best when the
/// program starts, so that the build itself stays portable. By features and not by "arch=", which asks for that very
/// processor and takes the slowest clone on every later one. What the function calls must be inlined into it
/// (MONGE_INLINE) to be cloned.
///
/// For C++ GCC contracts a product and a sum to one instruction where there is one, in ISO mode, too. So the two wider
/// clones round once where "default" rounds twice, and floats may differ in their last bits between processors.
/// Integers do not.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define MONGE_VECTORISED __attribute__((target_clones("avx512f", "avx2,fma", "default")))
#else
#define MONGE_VECTORISED
#endif

#define MONGE_INLINE [[gnu::always_inline]] inline

// Runs a pass on several threads, and does not wait for a thread that another program keeps from its core.
#pragma once

#include <cstdint>

namespace monge::nn {

/// Runs work(state) on the calling thread and on up to threads - 1 others. Returns when every call that has begun has
/// ended. Some of the calls may never begin, so work() takes parts of the pass from a common counter until none is
/// left.
///
/// The threads are OpenMP's while these keep step, as LibTorch's loops between two passes have just left them awake. A
/// parallel region of OpenMP ends when all of its threads have come to its end, though, and beside another program a
/// thread waits for a core for milliseconds before it begins. After two such stalls the next passes run on threads of
/// our own, which may come late or not at all; then OpenMP is tried again. On a machine without other work these would
/// cost a fifth of the time, because each change between two sets of threads wakes one of them up (docs/performance.md,
/// "Beside other work").
///
/// Where OMP_PROC_BIND or OMP_PLACES bind threads to cores, OpenMP's are used always. work must not call LibTorch,
/// whose threads would multiply. Thread-safe.
/// @param threads  at least 1.
/// @throws what a call of work throws (one of them), after all have ended.
void call_on_threads(int64_t threads, void (*work)(const void*), const void* state);

/// The same on threads of our own alone, as after stalls. While one pass has them, those of other callers run on the
/// calling thread alone.
void call_on_helpers(int64_t threads, void (*work)(const void*), const void* state);

}  // namespace monge::nn

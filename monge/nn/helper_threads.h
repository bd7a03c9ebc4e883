// Runs a pass on several threads without waiting for a thread whose core another program uses.
#pragma once

#include <cstdint>

namespace monge::nn {

/// Runs work(state) on the calling thread and on up to threads - 1 others. Returns when every call that has begun has
/// ended. Some of the calls may never begin, so work() must take parts of the pass from a shared counter.
///
/// Usually the threads are OpenMP's, because LibTorch's loops between two passes leave them awake. But a parallel
/// region of OpenMP ends only when all of its threads have reached its end, and beside another program a thread may
/// wait for a core for milliseconds before it begins. After two such stalls the next passes run on our own threads,
/// which may begin late or not at all; then OpenMP is tried again. On an idle machine our own threads would cost a
/// fifth of the time, because each change between two sets of threads wakes threads up (docs/performance.md, "Beside
/// other work").
///
/// If OMP_PROC_BIND or OMP_PLACES bind threads to cores, OpenMP's threads are always used. work must not call LibTorch,
/// which would start more threads. Thread-safe.
/// @param threads  at least 1.
/// @throws the exception of one of the calls of work, after all calls have ended.
void call_on_threads(int64_t threads, void (*work)(const void*), const void* state);

/// The same on our own threads only, as after stalls. While one pass uses them, the passes of other callers run on the
/// calling thread alone.
void call_on_helpers(int64_t threads, void (*work)(const void*), const void* state);

}  // namespace monge::nn

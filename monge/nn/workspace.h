// Memory of a thread's own that stays from call to call.
#pragma once

#include <cstdint>

namespace monge::nn {

/// At least `count` floats, aligned to 64 bytes, not initialised. One piece a thread, which grows and is never given
/// back: the next call of the same thread gets the same memory, so take it once in a kernel and divide it.
/// @throws std::bad_alloc.
float* workspace(int64_t count);

}  // namespace monge::nn

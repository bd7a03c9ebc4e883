// Scratch memory of a thread that is kept between calls.
#pragma once

#include <cstdint>

namespace monge::nn {

/// At least `count` floats, aligned to 64 bytes, not initialised. Each thread has one block, which grows and is never
/// freed. The next call of the same thread returns the same memory, so call it once in a kernel and divide the memory.
/// @throws std::bad_alloc.
float* workspace(int64_t count);

}  // namespace monge::nn

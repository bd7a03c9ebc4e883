// Scratch memory of a thread that is kept between calls.
#pragma once

#include <cstdint>

namespace monge::nn {

/// Who asks: the products have a block of their own, because kernels call them while they hold theirs.
enum class WorkspaceOf { kernels, products };

/// At least `count` floats, aligned to 64 bytes, not initialised. Each thread has one block for each use, which grows
/// and lives as long as the thread. The next call of the same thread returns the same memory, so call it once in a
/// kernel and divide the memory.
/// @throws std::bad_alloc.
float* workspace(int64_t count, WorkspaceOf use = WorkspaceOf::kernels);

}  // namespace monge::nn

// resample_pixels by the dot products of four bytes of newer x86 processors (AVX-512 VNNI and VBMI).
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "monge/io/taps.h"

namespace monge::io {

/// Whether the dot products may be used. Tests clear it to run the other code path too.
inline std::atomic<bool> dots_allowed{true};

/// A plan for output lines in groups of sixteen bytes: the input bytes of each, and their weights.
struct DotPlan {
  /// The next four taps of all sixteen bytes. A weight is weight[0] + 256 weight[1] + 65536 weight[2].
  struct alignas(64) Quad {
    uint8_t index[64] = {};  ///< the input byte, relative to the group's first one
    int8_t weight[3][64] = {};
  };
  struct Group {
    int64_t from = 0, to = 0;    ///< first byte of the input line and of the output line
    uint64_t low = 0, high = 0;  ///< masks of the used bytes among the first 64 input bytes and the 64 after them
    uint16_t lanes = 0;          ///< mask of the sixteen output bytes that exist
    size_t quad = 0, quads = 0;  ///< the first in `quads`, and their number
  };
  std::vector<Quad> quads;
  std::vector<Group> groups;
  int64_t in = 0, out = 0;  ///< bytes per line
};

/// The plan for lines of `in` pixels. Null if the processor has no such instructions, sixteen output bytes need more
/// than 128 input bytes, or a weight is 2 or more. Valid until the thread's next call.
const DotPlan* recent_dots(int64_t in, int64_t out, int64_t channels, Filter filter);

/// Resizes each line. @param from  [height, plan.in]. @param to  [height, plan.out].
void resample_by_dots(const DotPlan& plan, const uint8_t* from, int64_t height, uint8_t* to);

/// Whether this processor has the instructions and dots_allowed is set.
bool have_dots();

}  // namespace monge::io

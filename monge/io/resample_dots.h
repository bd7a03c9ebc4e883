// resample_pixels by the dot products of four bytes that newer x86 processors have (AVX-512 VNNI and VBMI).
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "monge/io/taps.h"

namespace monge::io {

/// Whether they may be used: for tests, which must see the other way too.
inline std::atomic<bool> dots_allowed{true};

/// Sixteen bytes of an output line each: where in the input line they come from, and with which weights.
struct DotPlan {
  /// The next four taps of all sixteen: a weight is weight[0] + 256 weight[1] + 65536 weight[2].
  struct alignas(64) Quad {
    uint8_t index[64] = {};  ///< the input byte, from the group's first
    int8_t weight[3][64] = {};
  };
  struct Group {
    int64_t from = 0, to = 0;    ///< first byte of the input line and of the output line
    uint64_t low = 0, high = 0;  ///< which of the 64 input bytes from there are needed, and which of the 64 after them
    uint16_t lanes = 0;          ///< which of the sixteen there are
    size_t quad = 0, quads = 0;  ///< the first in `quads`, and how many
  };
  std::vector<Quad> quads;
  std::vector<Group> groups;
  int64_t in = 0, out = 0;  ///< bytes of a line
};

/// The plan for lines of `in` pixels; nullptr where the processor has no such products, sixteen bytes come from more
/// than 128, or a weight is 2 or more. Good until the thread asks for another.
const DotPlan* recent_dots(int64_t in, int64_t out, int64_t channels, Filter filter);

/// @param from  [height, plan.in]. @param to  [height, plan.out].
void resample_by_dots(const DotPlan& plan, const uint8_t* from, int64_t height, uint8_t* to);

/// Whether this processor has them and they are allowed.
bool have_dots();

}  // namespace monge::io

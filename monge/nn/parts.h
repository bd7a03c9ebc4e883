// The threads of a pass of our own: even parts of its rows.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

namespace monge::nn {

/// As many parts as there are threads, at most `most` and at least 1; 1 inside a parallel region.
inline int64_t thread_parts(int64_t most) {
  return at::in_parallel_region() ? 1 : std::clamp<int64_t>(at::get_num_threads(), 1, std::max<int64_t>(most, 1));
}

/// Calls work(part, begin, end) on a thread for each of `parts` even parts of [0, count). No part is empty when
/// parts <= count, so what each part leaves behind may be added up without a look. Files that call this must be
/// compiled with OpenMP: at::parallel_for is a header, and serial without it.
template <class Work>
void for_parts(int64_t count, int64_t parts, const Work& work) {
  at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
      if (begin < end) work(part, begin, end);
    }
  });
}

}  // namespace monge::nn

#include "monge/io/resample_dots.h"

#include <algorithm>
#include <tuple>

#include "monge/io/recent.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define MONGE_DOTS 1
#define MONGE_TARGET_DOTS [[gnu::target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")]]
#define MONGE_INLINE_DOTS MONGE_TARGET_DOTS [[gnu::always_inline]] inline
#endif

namespace monge::io {
namespace {

constexpr int64_t kGroup = 16;

uint64_t first_bits(int64_t count) {
  if (count <= 0) return 0;
  return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}

/// Stores the three digits of a weight to base 256. @return whether three digits suffice.
bool split(int32_t weight, DotPlan::Quad& quad, size_t place) {
  for (auto& digits : quad.weight) {
    digits[place] = static_cast<int8_t>(weight & 255);
    weight = (weight - digits[place]) / 256;
  }
  return weight == 0;
}

DotPlan make_dots(int64_t in, int64_t out, int64_t channels, const Taps<int32_t>& taps) {
  DotPlan plan;
  plan.in = in * channels;
  plan.out = out * channels;
  for (int64_t at = 0; at < plan.out; at += kGroup) {
    const int64_t lanes = std::min(kGroup, plan.out - at);
    auto& group = plan.groups.emplace_back();
    group.from = taps.first[static_cast<size_t>(at / channels)] * channels;
    group.to = at;
    group.quad = plan.quads.size();
    int64_t end = 0;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const auto x = static_cast<size_t>((at + lane) / channels);
      const int64_t start = taps.first[x] * channels + (at + lane) % channels - group.from;
      for (size_t tap = 0; tap < taps.count(x); ++tap) {
        const int64_t byte = start + static_cast<int64_t>(tap) * channels;
        const size_t quad = group.quad + tap / 4, place = static_cast<size_t>(lane) * 4 + tap % 4;
        if (quad >= plan.quads.size()) plan.quads.emplace_back();
        if (byte >= 128 || !split(taps.weights(x)[tap], plan.quads[quad], place)) return {};
        plan.quads[quad].index[place] = static_cast<uint8_t>(byte);
        end = std::max(end, byte + 1);
      }
    }
    group.low = first_bits(end);
    group.high = first_bits(end - 64);
    group.lanes = static_cast<uint16_t>(first_bits(lanes));
    group.quads = plan.quads.size() - group.quad;
  }
  return plan;
}

#ifdef MONGE_DOTS

/// A group of one line: its input bytes, and a sum for each digit of the weights.
struct Row {
  __m512i low, high, units, tens, hundreds;
};

template <bool kHigh>
MONGE_INLINE_DOTS Row start(const uint8_t* from, const DotPlan::Group& group) {
  return {_mm512_maskz_loadu_epi8(group.low, from + group.from),
          kHigh ? _mm512_maskz_loadu_epi8(group.high, from + group.from + 64) : _mm512_setzero_si512(),
          _mm512_set1_epi32(1 << (kFractionBits - 1)), _mm512_setzero_si512(), _mm512_setzero_si512()};
}

template <bool kHigh>
MONGE_INLINE_DOTS void add(Row& row, __m512i index, __m512i units, __m512i tens, __m512i hundreds) {
  const __m512i bytes =
      kHigh ? _mm512_permutex2var_epi8(row.low, index, row.high) : _mm512_permutexvar_epi8(index, row.low);
  row.units = _mm512_dpbusd_epi32(row.units, bytes, units);
  row.tens = _mm512_dpbusd_epi32(row.tens, bytes, tens);
  row.hundreds = _mm512_dpbusd_epi32(row.hundreds, bytes, hundreds);
}

MONGE_INLINE_DOTS void finish(const Row& row, const DotPlan::Group& group, uint8_t* to) {
  const __m512i upper = _mm512_add_epi32(_mm512_slli_epi32(row.hundreds, 16), _mm512_slli_epi32(row.tens, 8));
  const __m512i sum = _mm512_srai_epi32(_mm512_add_epi32(row.units, upper), kFractionBits);
  const __m128i clipped = _mm512_cvtusepi32_epi8(_mm512_max_epi32(sum, _mm512_setzero_si512()));
  if (group.lanes == 0xffff) {  // masked stores are slow
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + group.to), clipped);
  } else {
    _mm_mask_storeu_epi8(to + group.to, group.lanes, clipped);
  }
}

/// Rows that share the loads of weights. They are separate variables, because GCC 12 would keep an array in memory.
constexpr int64_t kRows = 4;

template <bool kHigh>
MONGE_INLINE_DOTS void rows_of_group(const uint8_t* const* from, const DotPlan::Group& group,
                                     const DotPlan::Quad* quads, uint8_t* const* to) {
  Row row0 = start<kHigh>(from[0], group), row1 = start<kHigh>(from[1], group);
  Row row2 = start<kHigh>(from[2], group), row3 = start<kHigh>(from[3], group);
  for (const auto* quad = quads; quad != quads + group.quads; ++quad) {
    const __m512i index = _mm512_load_si512(quad->index), units = _mm512_load_si512(quad->weight[0]);
    const __m512i tens = _mm512_load_si512(quad->weight[1]), hundreds = _mm512_load_si512(quad->weight[2]);
    add<kHigh>(row0, index, units, tens, hundreds);
    add<kHigh>(row1, index, units, tens, hundreds);
    add<kHigh>(row2, index, units, tens, hundreds);
    add<kHigh>(row3, index, units, tens, hundreds);
  }
  finish(row0, group, to[0]);
  finish(row1, group, to[1]);
  finish(row2, group, to[2]);
  finish(row3, group, to[3]);
}

#endif

}  // namespace

bool have_dots() {
#ifdef MONGE_DOTS
  static const bool found = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                            __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
  return found && dots_allowed.load(std::memory_order_relaxed);
#else
  return false;
#endif
}

const DotPlan* recent_dots(int64_t in, int64_t out, int64_t channels, Filter filter) {
  if (!have_dots()) return nullptr;
  thread_local RecentTables<std::tuple<int64_t, int64_t, int64_t, Filter>, DotPlan> recent;
  const auto& plan = recent.get(in, out, {in, out, channels, filter},
                                [&] { return make_dots(in, out, channels, recent_taps(in, out, filter)); });
  return plan.groups.empty() ? nullptr : &plan;
}

#ifdef MONGE_DOTS
MONGE_TARGET_DOTS void resample_by_dots(const DotPlan& plan, const uint8_t* from, int64_t height, uint8_t* to) {
  for (int64_t y = 0; y < height; y += kRows) {
    const uint8_t* from_rows[kRows];
    uint8_t* to_rows[kRows];
    for (int64_t r = 0; r < kRows; ++r) {  // if there are fewer rows, the last is repeated
      from_rows[r] = from + std::min(y + r, height - 1) * plan.in;
      to_rows[r] = to + std::min(y + r, height - 1) * plan.out;
    }
    for (const auto& group : plan.groups) {
      const auto* quads = plan.quads.data() + group.quad;
      if (group.high) {
        rows_of_group<true>(from_rows, group, quads, to_rows);
      } else {
        rows_of_group<false>(from_rows, group, quads, to_rows);
      }
    }
  }
}
#else
void resample_by_dots(const DotPlan&, const uint8_t*, int64_t, uint8_t*) {}
#endif

}  // namespace monge::io

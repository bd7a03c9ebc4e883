#include "monge/io/resample.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "monge/core/vectorised.h"
#include "monge/io/resample_dots.h"
#include "monge/io/taps.h"

namespace monge::io {
namespace {

// Four bytes form a word, and each byte is summed separately in words. The bytes above it in the word need no mask:
// with T_b the sum of w (word >> 8b), the sum for byte b alone is T_b - 256 T_(b+1), modulo 2^32, where it fits. So
// nothing moves between lanes.
constexpr int64_t kWide = 32, kNarrow = 16;  // bytes per vector
template <int64_t kBytes>
struct Vectors {
  typedef uint32_t Words __attribute__((vector_size(kBytes)));
  typedef int32_t Sums __attribute__((vector_size(kBytes)));
};

constexpr uint32_t kHalf = 1U << (kFractionBits - 1);

template <class Words, class Sums>
MONGE_INLINE Words rounded(Words total) {
  const Sums least{}, most = least + 255;
  auto sum = reinterpret_cast<Sums>(total) >> kFractionBits;
  sum = sum < least ? least : sum;
  sum = sum > most ? most : sum;
  return reinterpret_cast<Words>(sum);
}

/// K vectors of kBytes of an output line.
template <int64_t kBytes, int K>
MONGE_INLINE void blend(const uint8_t* from, int64_t row, const int32_t* weights, size_t count, uint8_t* to) {
  using Words = typename Vectors<kBytes>::Words;
  using Sums = typename Vectors<kBytes>::Sums;
  Words totals[K][4];
  for (auto& total : totals) {  // the initial value gives each T_b - 256 T_(b+1) the half that rounds
    total[3] = Words{} + kHalf;
    total[2] = total[1] = total[0] = Words{} + kHalf + (kHalf << 8);
  }
  for (size_t tap = 0; tap < count; ++tap, from += row) {
    const auto weight = Words{} + static_cast<uint32_t>(weights[tap]);
    for (int k = 0; k < K; ++k) {
      Words words;
      std::memcpy(&words, from + k * kBytes, sizeof words);
      totals[k][0] += words * weight;
      totals[k][1] += (words >> 8) * weight;
      totals[k][2] += (words >> 16) * weight;
      totals[k][3] += (words >> 24) * weight;
    }
  }
  for (int k = 0; k < K; ++k) {
    const auto& total = totals[k];
    const Words words = rounded<Words, Sums>(total[0] - (total[1] << 8)) |
                        rounded<Words, Sums>(total[1] - (total[2] << 8)) << 8 |
                        rounded<Words, Sums>(total[2] - (total[3] << 8)) << 16 | rounded<Words, Sums>(total[3]) << 24;
    std::memcpy(to + k * kBytes, &words, sizeof words);
  }
}

MONGE_INLINE void blend_bytes(const uint8_t* from, int64_t row, const int32_t* weights, size_t count, uint8_t* to,
                              int64_t bytes) {
  for (int64_t i = 0; i < bytes; ++i) {
    int32_t sum = kHalf;
    for (size_t tap = 0; tap < count; ++tap) sum += weights[tap] * from[static_cast<int64_t>(tap) * row + i];
    to[i] = static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
  }
}

MONGE_INLINE void blend_line(const uint8_t* from, int64_t row, const int32_t* weights, size_t count, uint8_t* to) {
  if (row < kNarrow) return blend_bytes(from, row, weights, count, to, row);
  int64_t at = 0;
  for (; at + 3 * kWide <= row; at += 3 * kWide) blend<kWide, 3>(from + at, row, weights, count, to + at);
  for (; at + kWide <= row; at += kWide) blend<kWide, 1>(from + at, row, weights, count, to + at);
  for (; at < row; at += kNarrow) {
    at = std::min(at, row - kNarrow);  // the last vector overlaps the one before
    blend<kNarrow, 1>(from + at, row, weights, count, to + at);
  }
}

constexpr int64_t kLanes = 16;
typedef uint8_t Bytes __attribute__((vector_size(kLanes)));

MONGE_INLINE Bytes load(const uint8_t* from) {
  Bytes out;
  std::memcpy(&out, from, sizeof out);
  return out;
}
MONGE_INLINE void store(uint8_t* to, const Bytes& value) { std::memcpy(to, &value, sizeof value); }

/// A step of the transposition: interleaves the bytes of the first or of the second halves of a and b.
MONGE_INLINE Bytes first_halves(const Bytes& a, const Bytes& b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
MONGE_INLINE Bytes second_halves(const Bytes& a, const Bytes& b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/// Transposes 16 x 16 bytes: to[j][i] = from[i][j]. Each of four steps interleaves the two halves like a perfect card
/// shuffle and so rotates the bits of an element's number (i, j) by one, until i and j have changed places.
template <class From, class To>
MONGE_INLINE void transpose(const From& from, const To& to) {
  Bytes a[kLanes], b[kLanes];
  for (int i = 0; i < kLanes; ++i) a[i] = load(from(i));
  for (int step = 0; step < 2; ++step) {
    for (int i = 0; i < 8; ++i) {
      b[2 * i] = first_halves(a[i], a[i + 8]);
      b[2 * i + 1] = second_halves(a[i], a[i + 8]);
    }
    for (int i = 0; i < 8; ++i) {
      a[2 * i] = first_halves(b[i], b[i + 8]);
      a[2 * i + 1] = second_halves(b[i], b[i + 8]);
    }
  }
  for (int i = 0; i < kLanes; ++i) store(to(i), a[i]);
}

/// Transposes lines to columns: to[i * kLines + line] = from[line][i] for i < row. If there are fewer lines, the last
/// is repeated.
template <int64_t kLines>
MONGE_INLINE void gather_lines(const uint8_t* from, int64_t row, int64_t lines, uint8_t* to) {
  for (int64_t first = 0; first < kLines; first += kLanes) {
    const auto line = [&](int64_t k) { return from + std::min(first + k, lines - 1) * row; };
    for (int64_t at = 0; at < row; at += kLanes) {
      if (row < kLanes) {
        for (int64_t i = 0; i < row; ++i) {
          for (int64_t k = 0; k < kLanes; ++k) to[i * kLines + first + k] = line(k)[i];
        }
        continue;
      }
      at = std::min(at, row - kLanes);
      transpose([&](int k) { return line(k) + at; }, [&](int i) { return to + (at + i) * kLines + first; });
    }
  }
}

/// The inverse: to[line][i] = from[i * kLines + line].
template <int64_t kLines>
MONGE_INLINE void scatter_lines(const uint8_t* from, int64_t row, int64_t lines, uint8_t* to) {
  uint8_t none[kLanes];
  for (int64_t first = 0; first < kLines; first += kLanes) {
    for (int64_t at = 0; at < row; at += kLanes) {
      if (row < kLanes) {
        for (int64_t k = first; k < std::min(first + kLanes, lines); ++k) {
          for (int64_t i = 0; i < row; ++i) to[k * row + i] = from[i * kLines + k];
        }
        continue;
      }
      at = std::min(at, row - kLanes);
      transpose([&](int i) { return from + (at + i) * kLines + first; },
                [&](int k) { return first + k < lines ? to + (first + k) * row + at : none; });
    }
  }
}

/// Wider lines are not transposed, to bound the memory: 8 MiB for four channels.
constexpr int64_t kMostTurned = 65536;

/// Resizes `lines` <= kLines lines at once, transposed so that one pixel of all of them forms a line.
template <int64_t kLines>
MONGE_INLINE void few_lines(const uint8_t* from, int64_t lines, int64_t in, int64_t channels, const Taps<int32_t>& taps,
                            uint8_t* to, uint8_t* turned, uint8_t* done) {
  const int64_t pixel = channels * kLines;
  gather_lines<kLines>(from, in * channels, lines, turned);
  for (size_t x = 0; x < taps.outputs(); ++x) {
    blend_line(turned + taps.first[x] * pixel, pixel, taps.weights(x), taps.count(x),
               done + static_cast<int64_t>(x) * pixel);
  }
  scatter_lines<kLines>(done, static_cast<int64_t>(taps.outputs()) * channels, lines, to);
}

MONGE_VECTORISED void lines_by(const Taps<int32_t>& taps, const uint8_t* from, int64_t row, uint8_t* to) {
  for (size_t y = 0; y < taps.outputs(); ++y, to += row) {
    blend_line(from + taps.first[y] * row, row, taps.weights(y), taps.count(y), to);
  }
}

MONGE_VECTORISED void pixels_by(const Taps<int32_t>& taps, const uint8_t* from, int64_t height, int64_t in,
                                int64_t channels, uint8_t* to) {
  const auto out = static_cast<int64_t>(taps.outputs());
  if (in > kMostTurned) {
    for (int64_t y = 0; y < height; ++y, from += in * channels) {
      for (size_t x = 0; x < taps.outputs(); ++x, to += channels) {
        blend_bytes(from + taps.first[x] * channels, channels, taps.weights(x), taps.count(x), to, channels);
      }
    }
    return;
  }
  const std::unique_ptr<uint8_t[]> turned(new uint8_t[static_cast<size_t>(in * channels * kWide)]);
  const std::unique_ptr<uint8_t[]> done(new uint8_t[static_cast<size_t>(out * channels * kWide)]);
  while (height > 0) {
    const int64_t lines = std::min(kWide, height);
    if (lines > kNarrow) {
      few_lines<kWide>(from, lines, in, channels, taps, to, turned.get(), done.get());
    } else {
      few_lines<kNarrow>(from, lines, in, channels, taps, to, turned.get(), done.get());
    }
    height -= lines;
    from += lines * in * channels;
    to += lines * out * channels;
  }
}

}  // namespace

void resample_lines(const uint8_t* from, int64_t in, int64_t row, int64_t out, Filter filter, uint8_t* to) {
  lines_by(recent_taps(in, out, filter), from, row, to);
}

void resample_pixels(const uint8_t* from, int64_t height, int64_t in, int64_t channels, int64_t out, Filter filter,
                     uint8_t* to) {
  if (const auto* plan = recent_dots(in, out, channels, filter)) return resample_by_dots(*plan, from, height, to);
  pixels_by(recent_taps(in, out, filter), from, height, in, channels, to);
}

}  // namespace monge::io

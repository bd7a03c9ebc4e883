// The part of 0..65535 that the samples of 16-bit images use, and the conversion to 8 bits.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>

namespace monge::io {

/// Samples at `low` become black, samples at `high` white; values outside are clamped. 0 <= low < high <= 65535.
struct SampleRange {
  int low = 0, high = 65535;

  bool full() const { return low == 0 && high == 65535; }
  /// "0..4095".
  std::string text() const;
  bool operator==(const SampleRange&) const = default;
};

/// Parses "full" or "LOW..HIGH". @param key  the option's name for the message.
/// @throws InputError for anything else, also for "auto", which the caller handles.
SampleRange parse_range(const std::string& words, const std::string& key);

/// The range for values from `least` to `largest`. Normally it is 0 to the next power of two less one, so that 12-bit
/// data have 0..4095 in every set. If the values begin above half of that, it is `least` to `largest`.
SampleRange range_holding(int least, int largest);

/// The least and the largest sample of uint16 [H, W, C], without alpha (the last channel if C is even). Plain loops.
std::pair<int, int> sample_extremes(const torch::Tensor& image_HWC);

/// Converts uint16 [H, W, C], C = 1..4, to uint8. Colours are scaled from the range, alpha from 0..65535; both are
/// rounded once. Plain loops.
torch::Tensor to_eight_bits(const torch::Tensor& image_HWC, const SampleRange& range = {});

/// Converts floats [C, H, W], C = 1 or 3, to uint16 [H, W, C]. -1 becomes range.low and 1 range.high, clamped and
/// rounded; NaN becomes low.
torch::Tensor from_float_to_sixteen_bits(const torch::Tensor& image_CHW, const SampleRange& range = {});

}  // namespace monge::io

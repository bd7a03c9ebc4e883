// The taps of a resized axis: the input samples of each output sample and their weights, equal to Pillow's to the last
// bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace monge::io {

/// The kernels with their half widths in source pixels: box 0.5, bilinear 1, bicubic 2 (a = -0.5), lanczos 3.
enum class Filter { box, bilinear, bicubic, lanczos };

/// Output i is the sum of weights(i)[k] * input[first[i] + k], k < count(i). `first` never decreases with i.
template <class Weight>
struct Taps {
  std::vector<int64_t> first;
  std::vector<size_t> start;  ///< the offset of the weights of output i; one more entry than outputs
  std::vector<Weight> weight;

  size_t outputs() const { return first.size(); }
  size_t count(size_t i) const { return start[i + 1] - start[i]; }
  const Weight* weights(size_t i) const { return weight.data() + start[i]; }
};

/// Integer weights are in units of 2^-22: a product has 8 bits of value, 22 of weight and a sign, with room for kernels
/// that overshoot.
inline constexpr int kFractionBits = 22;

/// Makes the taps by the formula of resize_uint8. Weight is int32_t, in the units above, or double.
template <class Weight>
Taps<Weight> make_taps(int64_t in, int64_t out, Filter filter);

/// The taps with integer weights. The thread caches them for its last sizes, because making them takes about as long as
/// using them on a small image. Valid until the thread's next call.
const Taps<int32_t>& recent_taps(int64_t in, int64_t out, Filter filter);

}  // namespace monge::io

#include "monge/session/colour_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "monge/data/parallel.h"
#include "monge/session/colour_base.h"

namespace monge::session {
namespace {

constexpr int64_t kTableSide = ColourTable::kSide;

/// The colours of all nodes in [-1, 1], float32 [side^3, 3]; blue changes fastest.
torch::Tensor lattice() {
  const auto axis = torch::linspace(-1, 1, kTableSide);
  return torch::stack(torch::meshgrid({axis, axis, axis}, "ij"), 3).view({-1, 3});
}

/// A number in (0, 1) for each position and channel whose values spread evenly over every small area: interleaved
/// gradient noise (Jimenez 2014), shifted from channel to channel. The bounds leave whole levels as they are.
float dither_threshold(int64_t y, int64_t x, int64_t channel) {
  const auto fraction = [](double v) { return v - std::floor(v); };
  const double u = static_cast<double>(x + 47 * channel), v = static_cast<double>(y + 17 * channel);
  return static_cast<float>(
      std::clamp(fraction(52.9829189 * fraction(0.06711056 * u + 0.00583715 * v)), 1.0 / 256, 255.0 / 256));
}

/// Reads the table by tetrahedral interpolation: a cube is divided into six tetrahedra along its grey diagonal.
class Interpolator {
 public:
  explicit Interpolator(const torch::Tensor& nodes) : nodes_(nodes.const_data_ptr<float>()) {}

  /// @param at   the place in the lattice, in [0, side - 1] per channel.
  /// @param out  the value in [0, 1] per channel.
  void operator()(const float at[3], float out[3]) const {
    constexpr int64_t steps[3] = {3 * kTableSide * kTableSide, 3 * kTableSide, 3};
    int64_t base = 0;
    float f[3];
    for (int c = 0; c < 3; ++c) {
      const auto cell = std::min(static_cast<int64_t>(at[c]), kTableSide - 2);
      f[c] = at[c] - static_cast<float>(cell);
      base += cell * steps[c];
    }
    // The channels in falling order of their fractions, along which the path to the opposite corner goes.
    int order[3] = {0, 1, 2};
    if (f[order[0]] < f[order[1]]) std::swap(order[0], order[1]);
    if (f[order[1]] < f[order[2]]) std::swap(order[1], order[2]);
    if (f[order[0]] < f[order[1]]) std::swap(order[0], order[1]);
    const float *a = nodes_ + base, *b = a + steps[order[0]], *c = b + steps[order[1]], *d = c + steps[order[2]];
    const float wa = 1 - f[order[0]], wb = f[order[0]] - f[order[1]], wc = f[order[1]] - f[order[2]], wd = f[order[2]];
    for (int k = 0; k < 3; ++k) out[k] = wa * a[k] + wb * b[k] + wc * c[k] + wd * d[k];
  }

 private:
  const float* nodes_;
};

/// The image as it is read and written.
template <class In, class Out>
struct PixelFormat {
  int64_t height, width, channels;
  bool has_alpha() const { return channels % 2 == 0; }
  bool is_grey() const { return channels < 3; }
  int64_t channels_out() const { return has_alpha() ? 4 : 3; }
  static constexpr float kLargestIn = std::numeric_limits<In>::max(), kLargestOut = std::numeric_limits<Out>::max();

  float colour(const In* pixel, int64_t c) const { return static_cast<float>(pixel[is_grey() ? 0 : c]) / kLargestIn; }
};

/// Rows [begin, end) of the image in [0, 1], [3, rows, width].
template <class In, class Out>
std::vector<float> planes_of(const PixelFormat<In, Out>& format, const In* image, int64_t begin, int64_t end) {
  const int64_t plane = (end - begin) * format.width;
  std::vector<float> out(static_cast<size_t>(3 * plane));
  const In* pixel = image + begin * format.width * format.channels;
  for (int64_t i = 0; i < plane; ++i, pixel += format.channels) {
    for (int64_t c = 0; c < 3; ++c) out[static_cast<size_t>(c * plane + i)] = format.colour(pixel, c);
  }
  return out;
}

template <class In, class Out>
torch::Tensor apply_table(const torch::Tensor& image, const torch::Tensor& nodes, float strength, int64_t threads) {
  const torch::Tensor pixels = image.contiguous();
  const PixelFormat<In, Out> format{pixels.size(0), pixels.size(1), pixels.size(2)};
  const auto [height, width, channels] = format;
  const int64_t channels_out = format.channels_out();
  torch::Tensor result = torch::empty({height, width, channels_out}, sizeof(Out) > 1 ? torch::kUInt16 : torch::kUInt8);
  const In* from = pixels.const_data_ptr<In>();
  Out* to = result.mutable_data_ptr<Out>();
  const Interpolator values(nodes);
  const ColourBase base(height, width);
  const int64_t step = std::max<int64_t>(128, 4 * base.halo());
  const auto strip = [&, height = height, width = width, channels = channels](int64_t number) {
    const int64_t begin = number * step, end = std::min(height, begin + step);
    const int64_t top = std::max<int64_t>(0, begin - base.halo()), bottom = std::min(height, end + base.halo());
    auto planes = planes_of(format, from, top, bottom);
    base.smooth(planes.data(), bottom - top);
    const int64_t plane = (bottom - top) * width;
    const float* b = planes.data() + (begin - top) * width;
    for (int64_t y = begin; y < end; ++y) {
      const In* in = from + y * width * channels;
      Out* out = to + y * width * channels_out;
      for (int64_t x = 0; x < width; ++x, in += channels, out += channels_out, ++b) {
        float at[3], value[3];
        for (int64_t c = 0; c < 3; ++c) at[c] = b[c * plane] * static_cast<float>(kTableSide - 1);
        values(at, value);
        for (int64_t c = 0; c < 3; ++c) {
          const float moved = format.colour(in, c) + strength * (value[c] - b[c * plane]);
          const float threshold = sizeof(Out) > 1 ? 0.5F : dither_threshold(y, x, c);
          out[c] = static_cast<Out>(std::clamp(moved * format.kLargestOut + threshold, 0.0F, format.kLargestOut));
        }
        if (!format.has_alpha()) continue;
        const float alpha = static_cast<float>(in[channels - 1]) / format.kLargestIn;
        out[3] = static_cast<Out>(std::lround(alpha * format.kLargestOut));
      }
    }
  };
  data::for_each_parallel((height + step - 1) / step, [&] { return strip; }, threads);
  return result;
}

}  // namespace

ColourTable::ColourTable(const std::function<torch::Tensor(const torch::Tensor&)>& map) {
  constexpr int64_t rows = int64_t{1} << 18;  // bounds the memory of the net's layers
  std::vector<torch::Tensor> parts;
  for (const auto& part : lattice().split(rows)) parts.push_back(map(part));
  nodes_ = ((torch::cat(parts) + 1) / 2).contiguous();
}

torch::Tensor ColourTable::apply(const torch::Tensor& image, double strength, bool sixteen_bits,
                                 int64_t threads) const {
  const bool from_sixteen = image.scalar_type() == torch::kUInt16;
  const auto apply = from_sixteen ? (sixteen_bits ? apply_table<uint16_t, uint16_t> : apply_table<uint16_t, uint8_t>)
                                  : (sixteen_bits ? apply_table<uint8_t, uint16_t> : apply_table<uint8_t, uint8_t>);
  return apply(image, nodes_, static_cast<float>(strength), threads);
}

}  // namespace monge::session

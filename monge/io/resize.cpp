#include "monge/io/resize.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "monge/core/checked.h"
#include "monge/core/registry.h"

namespace monge::io {
namespace {

double sinc(double x) { return x == 0 ? 1 : std::sin(x * std::numbers::pi) / (x * std::numbers::pi); }

double cubic(double x) {  // Keys 1981, a = -0.5
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double kernel(Filter filter, double x) {
  switch (filter) {
    case Filter::box:
      return x > -0.5 && x <= 0.5 ? 1 : 0;
    case Filter::bilinear:
      return std::max(0.0, 1 - std::abs(x));
    case Filter::bicubic:
      return cubic(x);
    case Filter::lanczos:
      return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  }
  return 0;
}

double half_width(Filter filter) {
  switch (filter) {
    case Filter::box:
      return 0.5;
    case Filter::bilinear:
      return 1;
    case Filter::bicubic:
      return 2;
    case Filter::lanczos:
      return 3;
  }
  return 0;
}

/// How one axis is resampled: output i is the sum of weights(i)[k] * input[first[i] + k].
template <class Weight>
struct Taps {
  std::vector<int64_t> first;
  std::vector<size_t> start;  ///< where the weights of output i begin; one more than outputs
  std::vector<Weight> weight;

  size_t count(size_t i) const { return start[i + 1] - start[i]; }
  const Weight* weights(size_t i) const { return weight.data() + start[i]; }
};

constexpr int kFractionBits = 22;  // 8 bits of value, 22 of weight and a sign, with room for kernels that overshoot

void to_weight(double exact, double& out) { out = exact; }
void to_weight(double exact, int32_t& out) {
  out = static_cast<int32_t>(exact * (1 << kFractionBits) + (exact < 0 ? -0.5 : 0.5));
}

template <class Weight>
Taps<Weight> make_taps(int64_t in, int64_t out, Filter filter) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  const double reach = half_width(filter) * stretch;
  Taps<Weight> taps;
  taps.start.push_back(0);
  std::vector<double> exact;
  for (int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto low = std::max(static_cast<int64_t>(centre - reach + 0.5), int64_t{0});
    const auto high = std::min(static_cast<int64_t>(centre + reach + 0.5), in);
    exact.clear();
    double sum = 0;
    for (int64_t j = low; j < high; ++j) {
      exact.push_back(kernel(filter, (static_cast<double>(j) - centre + 0.5) / stretch));
      sum += exact.back();
    }
    for (const double value : exact) to_weight(sum != 0 ? value / sum : value, taps.weight.emplace_back());
    taps.first.push_back(low);
    taps.start.push_back(taps.weight.size());
  }
  return taps;
}

/// Pixel type, weight type and the sum of their products, for the two precisions of Pillow.
struct Bytes {
  using Pixel = uint8_t;
  using Weight = int32_t;
  using Sum = int32_t;
  static constexpr torch::ScalarType kType = torch::kUInt8;
  static constexpr Sum kStart = 1 << (kFractionBits - 1);
  static Pixel finish(Sum sum) { return static_cast<Pixel>(std::clamp(sum >> kFractionBits, 0, 255)); }
};

struct Floats {
  using Pixel = float;
  using Weight = double;
  using Sum = double;
  static constexpr torch::ScalarType kType = torch::kFloat32;
  static constexpr Sum kStart = 0;
  static Pixel finish(Sum sum) { return static_cast<Pixel>(sum); }
};

/// kChannels is fixed for the common counts so that the sums stay in registers; 0 takes any count.
template <class Kind, int kChannels>
void resize_row(const typename Kind::Pixel* from, typename Kind::Pixel* to, const Taps<typename Kind::Weight>& taps,
                int64_t any_channels) {
  const int64_t channels = kChannels > 0 ? kChannels : any_channels;
  constexpr int kAtOnce = kChannels > 0 ? kChannels : 1;
  for (size_t x = 0; x < taps.first.size(); ++x) {
    const auto* weights = taps.weights(x);
    const size_t count = taps.count(x);
    for (int64_t c = 0; c < channels; c += kAtOnce, to += kAtOnce) {
      typename Kind::Sum sums[kAtOnce];
      std::fill_n(sums, kAtOnce, Kind::kStart);
      const auto* pixel = from + taps.first[x] * channels + c;
      for (size_t k = 0; k < count; ++k, pixel += channels) {
        for (int lane = 0; lane < kAtOnce; ++lane) sums[lane] += weights[k] * pixel[lane];
      }
      for (int lane = 0; lane < kAtOnce; ++lane) to[lane] = Kind::finish(sums[lane]);
    }
  }
}

template <class Kind>
torch::Tensor resize_width(const torch::Tensor& image_HWC, int64_t width, Filter filter) {
  const int64_t height = image_HWC.size(0), in = image_HWC.size(1), channels = image_HWC.size(2);
  const auto taps = make_taps<typename Kind::Weight>(in, width, filter);
  auto out = torch::empty({height, width, channels}, Kind::kType);
  auto* row_of = channels == 1   ? &resize_row<Kind, 1>
                 : channels == 2 ? &resize_row<Kind, 2>
                 : channels == 3 ? &resize_row<Kind, 3>
                 : channels == 4 ? &resize_row<Kind, 4>
                                 : &resize_row<Kind, 0>;
  const auto* from = image_HWC.data_ptr<typename Kind::Pixel>();
  auto* to = out.template data_ptr<typename Kind::Pixel>();
  for (int64_t y = 0; y < height; ++y) row_of(from + y * in * channels, to + y * width * channels, taps, channels);
  return out;
}

template <class Kind>
torch::Tensor resize_height(const torch::Tensor& image_HWC, int64_t height, Filter filter) {
  const int64_t in = image_HWC.size(0), row = image_HWC.size(1) * image_HWC.size(2);
  const auto taps = make_taps<typename Kind::Weight>(in, height, filter);
  auto out = torch::empty({height, image_HWC.size(1), image_HWC.size(2)}, Kind::kType);
  const auto* from = image_HWC.data_ptr<typename Kind::Pixel>();
  auto* to = out.template data_ptr<typename Kind::Pixel>();
  std::vector<typename Kind::Sum> sums(static_cast<size_t>(row));
  for (int64_t y = 0; y < height; ++y, to += row) {
    const auto* weights = taps.weights(static_cast<size_t>(y));
    std::fill(sums.begin(), sums.end(), Kind::kStart);
    for (size_t k = 0; k < taps.count(static_cast<size_t>(y)); ++k) {
      const auto* line = from + (taps.first[static_cast<size_t>(y)] + static_cast<int64_t>(k)) * row;
      for (int64_t i = 0; i < row; ++i) sums[static_cast<size_t>(i)] += weights[k] * line[i];
    }
    for (int64_t i = 0; i < row; ++i) to[i] = Kind::finish(sums[static_cast<size_t>(i)]);
  }
  return out;
}

template <class Kind>
torch::Tensor resize(torch::Tensor image, int64_t height, int64_t width, Filter filter, PassOrder order) {
  const int64_t shrink_height = image.size(0) - height, shrink_width = image.size(1) - width;
  const bool height_first = order == PassOrder::pillow13 && shrink_height > 0 && shrink_height > 2 * shrink_width;
  if (height_first) image = resize_height<Kind>(image, height, filter);
  if (image.size(1) != width) image = resize_width<Kind>(image, width, filter);
  if (image.size(0) != height) image = resize_height<Kind>(image, height, filter);
  return image;
}

torch::Tensor multiply_by_alpha(const torch::Tensor& image_HWC) {
  auto out = image_HWC.clone();
  const int64_t channels = out.size(2);
  uint8_t* pixel = out.data_ptr<uint8_t>();
  for (const auto* end = pixel + out.numel(); pixel != end; pixel += channels) {
    for (int64_t c = 0; c + 1 < channels; ++c) {
      const int product = pixel[c] * pixel[channels - 1] + 128;
      pixel[c] = static_cast<uint8_t>(((product >> 8) + product) >> 8);  // product / 255, rounded
    }
  }
  return out;
}

void divide_by_alpha(torch::Tensor& image_HWC) {
  const int64_t channels = image_HWC.size(2);
  uint8_t* pixel = image_HWC.data_ptr<uint8_t>();
  for (const auto* end = pixel + image_HWC.numel(); pixel != end; pixel += channels) {
    const int alpha = pixel[channels - 1];
    if (alpha == 0 || alpha == 255) continue;
    for (int64_t c = 0; c + 1 < channels; ++c) pixel[c] = static_cast<uint8_t>(std::min(255 * pixel[c] / alpha, 255));
  }
}

void check(const torch::Tensor& image, torch::ScalarType type, int64_t height, int64_t width, const char* caller) {
  require(image.defined() && image.device().is_cpu() && image.scalar_type() == type && image.dim() == 3 &&
              image.numel() > 0,
          caller, ": the image must be ", type, " [H, W, C] on the CPU and not empty, got ",
          image.defined() ? text(image.scalar_type(), " ", image.sizes()) : "an undefined tensor");
  constexpr int64_t kMostSide = 65536;
  require(height >= 1 && width >= 1 && height <= kMostSide && width <= kMostSide, caller,
          ": the new size must be 1 to ", kMostSide, " each way, got ", height, " x ", width);
}

}  // namespace

Filter filter_named(const std::string& name) {
  static const Registry<Filter> filters("resize filter", {{"box", Filter::box},
                                                          {"bilinear", Filter::bilinear},
                                                          {"bicubic", Filter::bicubic},
                                                          {"lanczos", Filter::lanczos}});
  return filters.at(name);
}

torch::Tensor resize_uint8(const torch::Tensor& image_HWC, int64_t height, int64_t width, Filter filter,
                           PassOrder order) {
  check(image_HWC, torch::kUInt8, height, width, "resize_uint8");
  const int64_t channels = image_HWC.size(2);
  require(channels <= 4, "resize_uint8: 1 to 4 channels, got ", channels);
  if (image_HWC.size(0) == height && image_HWC.size(1) == width) return image_HWC;
  const auto image = image_HWC.contiguous();
  if (channels == 1 || channels == 3) return resize<Bytes>(image, height, width, filter, order);
  auto out = resize<Bytes>(multiply_by_alpha(image), height, width, filter, order);
  divide_by_alpha(out);
  return out;
}

torch::Tensor resize_float(const torch::Tensor& image_HWC, int64_t height, int64_t width, Filter filter,
                           PassOrder order) {
  check(image_HWC, torch::kFloat32, height, width, "resize_float");
  return resize<Floats>(image_HWC.contiguous(), height, width, filter, order);
}

}  // namespace monge::io

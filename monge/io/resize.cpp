#include "monge/io/resize.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "monge/core/checked.h"
#include "monge/core/registry.h"
#include "monge/io/resample.h"
#include "monge/io/taps.h"

namespace monge::io {
namespace {

bool goes_down_first(int64_t shrink_height, int64_t shrink_width, PassOrder order) {
  return order == PassOrder::pillow13 && shrink_height > 0 && shrink_height > 2 * shrink_width;
}

/// The image between the passes. The thread keeps a small one, because its size often repeats.
class Between {
 public:
  explicit Between(int64_t bytes) {
    if (size < bytes) {
      memory.reset(new uint8_t[static_cast<size_t>(bytes)]);
      size = bytes;
    }
  }
  ~Between() {
    constexpr int64_t kMostKept = 1 << 22;
    if (size <= kMostKept) return;
    memory.reset();
    size = 0;
  }
  Between(const Between&) = delete;
  Between& operator=(const Between&) = delete;

  uint8_t* get() const { return memory.get(); }

 private:
  static thread_local std::unique_ptr<uint8_t[]> memory;
  static thread_local int64_t size;
};

thread_local std::unique_ptr<uint8_t[]> Between::memory;
thread_local int64_t Between::size = 0;

/// Resizes with integer weights, as Pillow's 8-bit modes do.
void resize_bytes(const uint8_t* from, int64_t from_height, int64_t from_width, int64_t channels, uint8_t* to,
                  int64_t height, int64_t width, Filter filter, PassOrder order) {
  if (height == from_height && width == from_width) {
    std::copy_n(from, height * width * channels, to);
  } else if (height == from_height) {
    resample_pixels(from, height, from_width, channels, width, filter, to);
  } else if (width == from_width) {
    resample_lines(from, from_height, width * channels, height, filter, to);
  } else if (goes_down_first(from_height - height, from_width - width, order)) {
    const Between half(height * from_width * channels);
    resample_lines(from, from_height, from_width * channels, height, filter, half.get());
    resample_pixels(half.get(), height, from_width, channels, width, filter, to);
  } else {
    const Between half(from_height * width * channels);
    resample_pixels(from, from_height, from_width, channels, width, filter, half.get());
    resample_lines(half.get(), from_height, width * channels, height, filter, to);
  }
}

torch::Tensor resize_bytes(const torch::Tensor& image_HWC, int64_t height, int64_t width, Filter filter,
                           PassOrder order) {
  auto out = torch::empty({height, width, image_HWC.size(2)}, torch::kUInt8);
  resize_bytes(image_HWC.const_data_ptr<uint8_t>(), image_HWC.size(0), image_HWC.size(1), image_HWC.size(2),
               out.data_ptr<uint8_t>(), height, width, filter, order);
  return out;
}

/// kChannels is a constant for the common counts, so that the sums are in registers; 0 is any count.
template <int kChannels>
void resize_row(const float* from, float* to, const Taps<double>& taps, int64_t any_channels) {
  const int64_t channels = kChannels > 0 ? kChannels : any_channels;
  constexpr int kAtOnce = kChannels > 0 ? kChannels : 1;
  for (size_t x = 0; x < taps.outputs(); ++x) {
    const double* weights = taps.weights(x);
    const size_t count = taps.count(x);
    for (int64_t c = 0; c < channels; c += kAtOnce, to += kAtOnce) {
      double sums[kAtOnce] = {};
      const float* pixel = from + taps.first[x] * channels + c;
      for (size_t k = 0; k < count; ++k, pixel += channels) {
        for (int lane = 0; lane < kAtOnce; ++lane) sums[lane] += weights[k] * pixel[lane];
      }
      for (int lane = 0; lane < kAtOnce; ++lane) to[lane] = static_cast<float>(sums[lane]);
    }
  }
}

torch::Tensor resize_width(const torch::Tensor& image_HWC, int64_t width, Filter filter) {
  const int64_t height = image_HWC.size(0), in = image_HWC.size(1), channels = image_HWC.size(2);
  const auto taps = make_taps<double>(in, width, filter);
  auto out = torch::empty({height, width, channels}, torch::kFloat32);
  auto* row_of = channels == 1 ? &resize_row<1> : channels == 3 ? &resize_row<3> : &resize_row<0>;
  const float* from = image_HWC.data_ptr<float>();
  float* to = out.data_ptr<float>();
  for (int64_t y = 0; y < height; ++y) row_of(from + y * in * channels, to + y * width * channels, taps, channels);
  return out;
}

torch::Tensor resize_height(const torch::Tensor& image_HWC, int64_t height, Filter filter) {
  const int64_t in = image_HWC.size(0), row = image_HWC.size(1) * image_HWC.size(2);
  const auto taps = make_taps<double>(in, height, filter);
  auto out = torch::empty({height, image_HWC.size(1), image_HWC.size(2)}, torch::kFloat32);
  const float* from = image_HWC.data_ptr<float>();
  float* to = out.data_ptr<float>();
  std::vector<double> sums(static_cast<size_t>(row));
  for (size_t y = 0; y < taps.outputs(); ++y, to += row) {
    const double* weights = taps.weights(y);
    std::fill(sums.begin(), sums.end(), 0.0);
    for (size_t k = 0; k < taps.count(y); ++k) {
      const float* line = from + (taps.first[y] + static_cast<int64_t>(k)) * row;
      for (int64_t i = 0; i < row; ++i) sums[static_cast<size_t>(i)] += weights[k] * line[i];
    }
    for (int64_t i = 0; i < row; ++i) to[i] = static_cast<float>(sums[static_cast<size_t>(i)]);
  }
  return out;
}

/// Resizes floats with sums in double, as Pillow's mode F does.
torch::Tensor resize_floats(torch::Tensor image, int64_t height, int64_t width, Filter filter, PassOrder order) {
  if (goes_down_first(image.size(0) - height, image.size(1) - width, order))
    image = resize_height(image, height, filter);
  if (image.size(1) != width) image = resize_width(image, width, filter);
  if (image.size(0) != height) image = resize_height(image, height, filter);
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

void check_resize(const torch::Tensor& image, torch::ScalarType type, int64_t height, int64_t width,
                  const char* caller) {
  const bool good = image.defined() && image.device().is_cpu() && image.scalar_type() == type && image.dim() == 3 &&
                    image.numel() > 0;
  if (!good) {  // built only on failure: the message takes as long as a small image
    throw InputError(text(caller, ": the image must be ", type, " [H, W, C] on the CPU and not empty, got ",
                          image.defined() ? text(image.scalar_type(), " ", image.sizes()) : "an undefined tensor"));
  }
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
  check_resize(image_HWC, torch::kUInt8, height, width, "resize_uint8");
  const int64_t channels = image_HWC.size(2);
  require(channels <= 4, "resize_uint8: 1 to 4 channels, got ", channels);
  if (image_HWC.size(0) == height && image_HWC.size(1) == width) return image_HWC;
  const auto image = image_HWC.contiguous();
  if (channels == 1 || channels == 3) return resize_bytes(image, height, width, filter, order);
  auto out = resize_bytes(multiply_by_alpha(image), height, width, filter, order);
  divide_by_alpha(out);
  return out;
}

void resize_rgb(const uint8_t* from, int64_t from_height, int64_t from_width, uint8_t* to, int64_t height,
                int64_t width, Filter filter, PassOrder order) {
  resize_bytes(from, from_height, from_width, 3, to, height, width, filter, order);
}

torch::Tensor resize_float(const torch::Tensor& image_HWC, int64_t height, int64_t width, Filter filter,
                           PassOrder order) {
  check_resize(image_HWC, torch::kFloat32, height, width, "resize_float");
  return resize_floats(image_HWC.contiguous(), height, width, filter, order);
}

}  // namespace monge::io

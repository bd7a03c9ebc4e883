// The CPU kernels of the operators, in float32. The threads take pieces of the rows. The order of all sums depends on
// the number of threads only.
//
// Milliseconds forward + backward of the reference implementations -> of these kernels, on two threads of an AMD Zen 4
// at batch 16 (bench/operators.cpp). Above some 10 MB most of the time is that of fresh memory, and varies:
//
//     batch_norm_relu  48 channels of 64 x 64      1.5 + 6.7  -> 1.1 + 2.0
//                      96 of 32 x 32               0.55 + 1.1 -> 0.39 + 0.80
//     upsample_concat  48 behind 48 of 64 x 64     3.6 + 10   -> 1.7 + 2.0
//                      192 behind 192 of 16 x 16   0.72 + 2.3 -> 0.36 + 0.38
//     leaky_residual   256 of 32 x 32              2.7 + 9.2  -> 1.0 + 2.1
//                      512 of 8 x 8                0.22 + 0.29 -> 0.05 + 0.19
//     avg_pool         128 of 32 x 32              0.27 + 0.59 -> 0.22 + 0.37
//                      256 of 32 x 32              0.82 + 1.37 -> 0.91 + 0.89
#include <ATen/Functions.h>

#include <cmath>
#include <cstring>

#include "monge/nn/ops/cpu_group_norm.h"
#include "monge/nn/ops/cpu_loops.h"
#include "monge/nn/ops/enlarged_frame.h"
#include "monge/nn/ops/kernel_table.h"
#include "monge/nn/parts.h"

namespace monge::nn::ops {
namespace {

using torch::Tensor;

float* data(const Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }
int64_t pixels(const Tensor& x) { return x.size(0) * x.size(2) * x.size(3); }
Tensor like(const Tensor& x) { return at::empty(x.sizes(), x.options(), torch::MemoryFormat::ChannelsLast); }
Tensor image(const Tensor& x, at::IntArrayRef sizes) {
  return at::empty(sizes, x.options(), torch::MemoryFormat::ChannelsLast);
}

/// The least work of a thread, in numbers: for less, waking the thread takes longer.
constexpr int64_t kGrain = 16384;

/// The number of threads for rows of `width` numbers.
int64_t threads_for(int64_t rows, int64_t width) {
  const int64_t worth = std::max<int64_t>(rows * width / kGrain, 1);
  return thread_count(std::min(rows, worth));
}

/// Calls work(begin, end) for pieces of the rows.
template <class Work>
void for_rows(int64_t rows, int64_t width, const Work& work) {
  constexpr int64_t kVector = 16;  // for rows of single numbers: pieces are whole vectors
  const int64_t most = std::max<int64_t>(4 * kGrain / width, 1);
  for_pieces(rows, most, width == 1 ? kVector : 1, threads_for(rows, width), work);
}

/// Two sums over rows, [2, channels]: calls add(begin, end, a, b) for each part and adds the parts in their order.
template <class Add>
std::vector<double> two_sums(int64_t rows, int64_t channels, const Add& add) {
  const auto span = static_cast<size_t>(2 * channels);
  // More parts than threads, so that a slow thread takes fewer.
  const int64_t threads = threads_for(rows, channels), parts = threads == 1 ? 1 : std::min(4 * threads, rows);
  std::vector<double> sums(span * static_cast<size_t>(parts));
  for_parts(rows, parts, [&](int64_t part, int64_t begin, int64_t end) {
    double* own = sums.data() + static_cast<size_t>(part) * span;
    add(begin, end, own, own + channels);
  });
  for (size_t at = span; at < sums.size(); at += span) {
    for (size_t i = 0; i < span; ++i) sums[i] += sums[at + i];
  }
  sums.resize(span);
  return sums;
}

KernelTable::Statistics batch_statistics(const Tensor& x, const Tensor& running_mean, const Tensor& running_variance,
                                         double momentum, double eps) {
  const int64_t rows = pixels(x), channels = x.size(1);
  // The first pixel is the pivot: without it a mean far from 0 would cancel the variance.
  const float* from = data(x);
  const auto sums = two_sums(rows, channels, [&](int64_t begin, int64_t end, double* a, double* b) {
    add_sums(from + begin * channels, end - begin, channels, from, a, b);
  });
  KernelTable::Statistics out{at::empty({channels}, running_mean.options()),
                              at::empty({channels}, running_mean.options())};
  float *mean = data(out.mean), *invstd = data(out.invstd), *old_mean = data(running_mean),
        *old_variance = data(running_variance);
  const auto count = static_cast<double>(rows);
  for (int64_t c = 0; c < channels; ++c) {
    const double sum = sums[static_cast<size_t>(c)], square = sums[static_cast<size_t>(channels + c)];
    const double off = sum / count, centre = static_cast<double>(from[c]) + off;
    const double squares = std::max(square - sum * off, 0.0);
    mean[c] = static_cast<float>(centre);
    invstd[c] = static_cast<float>(1 / std::sqrt(squares / count + eps));
    old_mean[c] = static_cast<float>((1 - momentum) * static_cast<double>(old_mean[c]) + momentum * centre);
    old_variance[c] =
        static_cast<float>((1 - momentum) * static_cast<double>(old_variance[c]) + momentum * squares / (count - 1));
  }
  return out;
}

Tensor normalise_relu(const Tensor& x, const Tensor& mean, const Tensor& invstd, const Tensor& weight,
                      const Tensor& bias) {
  const int64_t channels = x.size(1);
  const auto y = like(x), scale = at::mul(invstd, weight);
  const ChannelAffine line{data(mean), data(scale), data(bias)};
  for_rows(pixels(x), channels, [&, from = data(x), to = data(y)](int64_t begin, int64_t end) {
    normalise_rows(from + begin * channels, end - begin, channels, line, to + begin * channels);
  });
  return y;
}

std::array<Tensor, 3> normalise_relu_backward(const Tensor& gradient, const Tensor& x, const Tensor& mean,
                                              const Tensor& invstd, const Tensor& weight, const Tensor& bias,
                                              bool training) {
  const int64_t rows = pixels(x), channels = x.size(1);
  const auto scale = at::mul(invstd, weight);
  const ChannelAffine line{data(mean), data(scale), data(bias)};
  const float *top = data(gradient), *from = data(x);
  const auto sums = two_sums(rows, channels, [&](int64_t begin, int64_t end, double* a, double* b) {
    add_gradient_sums(top + begin * channels, from + begin * channels, end - begin, channels, line, a, b);
  });
  std::array<Tensor, 3> out{like(x), at::empty_like(weight), at::empty_like(bias)};
  std::vector<float> offset(static_cast<size_t>(channels)), slope(offset);
  for (int64_t c = 0; c < channels; ++c) {
    const auto at = static_cast<size_t>(c);
    const double inverse = static_cast<double>(data(invstd)[c]), count = static_cast<double>(rows);
    data(out[1])[c] = static_cast<float>(sums[at + static_cast<size_t>(channels)] * inverse);
    data(out[2])[c] = static_cast<float>(sums[at]);
    if (!training) continue;
    offset[at] = static_cast<float>(sums[at] / count);
    slope[at] = static_cast<float>(sums[at + static_cast<size_t>(channels)] / count * inverse * inverse);
  }
  for_rows(rows, channels, [&, to = data(out[0])](int64_t begin, int64_t end) {
    const int64_t at = begin * channels;
    normalise_rows_backward(top + at, from + at, end - begin, channels, line, offset.data(), slope.data(), to + at);
  });
  return out;
}

void leaky_residual(const Tensor& shortcut, const Tensor& dx, double ratio, double slope, const Tensor& out) {
  for_rows(dx.numel(), 1, [&](int64_t begin, int64_t end) {
    leaky_residual_run(data(shortcut) + begin, data(dx) + begin, end - begin, static_cast<float>(ratio),
                       static_cast<float>(slope), data(out) + begin);
  });
}

std::array<Tensor, 2> leaky_residual_backward(const Tensor& gradient, const Tensor& y, double ratio, double slope,
                                              std::array<bool, 2> wanted) {
  std::array<Tensor, 2> out;
  for (const size_t i : {0, 1}) {
    if (wanted[i]) out[i] = at::empty_like(y);
  }
  for_rows(y.numel(), 1, [&](int64_t begin, int64_t end) {
    leaky_residual_backward_run(data(gradient) + begin, data(y) + begin, end - begin, static_cast<float>(ratio),
                                static_cast<float>(slope), wanted[0] ? data(out[0]) + begin : nullptr,
                                wanted[1] ? data(out[1]) + begin : nullptr);
  });
  return out;
}

/// The interpolation taps of each output pixel along an axis, as in upsample_concat.cu and in LibTorch:
/// (1 - fraction) in[first] + fraction in[second].
struct Taps {
  int first, second;
  float fraction;
};
std::vector<Taps> taps(int in, int out) {
  const float scale = out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1) : 0.0F;
  std::vector<Taps> all;
  for (int i = 0; i < out; ++i) {
    const float at = scale * static_cast<float>(i);
    const int first = std::min(static_cast<int>(at), in - 1);
    all.push_back({first, std::min(first + 1, in - 1), std::clamp(at - static_cast<float>(first), 0.0F, 1.0F)});
  }
  return all;
}

/// The transpose of the taps: for each input pixel, the output pixels that read it and their weights.
struct TransposedTap {
  int pixel;
  float weight;
};
std::vector<std::vector<TransposedTap>> transposed_taps(int in, int out) {
  std::vector<std::vector<TransposedTap>> all(static_cast<size_t>(in));
  const auto forward_taps = taps(in, out);
  for (int i = 0; i < out; ++i) {
    const auto& tap = forward_taps[static_cast<size_t>(i)];
    if (tap.fraction < 1) all[static_cast<size_t>(tap.first)].push_back({i, 1 - tap.fraction});
    if (tap.fraction > 0) all[static_cast<size_t>(tap.second)].push_back({i, tap.fraction});
  }
  return all;
}

Tensor upsample_concat(const Tensor& skip, const Tensor& low) {
  const auto f =
      enlarged_frame(skip.size(0), skip.size(1), skip.size(2), skip.size(3), low.size(1), low.size(2), low.size(3));
  const int64_t channels = f.skip_channels + f.low_channels, behind = f.low_channels;
  const auto out = image(skip, {f.batch, channels, f.height, f.width});
  const auto vertical = taps(f.low_height, f.up_height), horizontal = taps(f.low_width, f.up_width);
  const float *from = data(skip), *below = data(low);
  for_rows(int64_t{f.batch} * f.height, f.width * channels, [&, to = data(out)](int64_t begin, int64_t end) {
    std::vector<float> line(
        static_cast<size_t>(f.low_width * behind));  // interpolated between two lines of the lower level
    for (int64_t row = begin; row < end; ++row) {
      const int64_t item = row / f.height, y = row % f.height - f.top;
      const bool inside = y >= 0 && y < f.up_height;
      if (inside) {
        const auto& tap = vertical[static_cast<size_t>(y)];
        const float* image = below + item * f.low_height * f.low_width * behind;
        blend(image + tap.first * f.low_width * behind, image + tap.second * f.low_width * behind, tap.fraction,
              f.low_width * behind, line.data());
      }
      for (int64_t x = 0; x < f.width; ++x) {
        const int64_t pixel = row * f.width + x, place = x - f.left;
        float* at = to + pixel * channels;
        std::memcpy(at, from + pixel * f.skip_channels, sizeof(float) * static_cast<size_t>(f.skip_channels));
        at += f.skip_channels;
        if (inside && place >= 0 && place < f.up_width) {
          const auto& tap = horizontal[static_cast<size_t>(place)];
          blend(line.data() + tap.first * behind, line.data() + tap.second * behind, tap.fraction, behind, at);
        } else {
          std::memset(at, 0, sizeof(float) * static_cast<size_t>(behind));
        }
      }
    }
  });
  return out;
}

Tensor upsample_concat_backward(const Tensor& gradient, int64_t skip_channels, int64_t low_height, int64_t low_width) {
  const auto f = enlarged_frame(gradient.size(0), skip_channels, gradient.size(2), gradient.size(3),
                                gradient.size(1) - skip_channels, low_height, low_width);
  const int64_t channels = gradient.size(1), behind = f.low_channels;
  const auto out = image(gradient, {f.batch, behind, low_height, low_width});
  const auto vertical = transposed_taps(f.low_height, f.up_height),
             horizontal = transposed_taps(f.low_width, f.up_width);
  for_rows(f.batch * low_height, 4 * low_width * behind,
           [&, from = data(gradient), to = data(out)](int64_t begin, int64_t end) {
             std::vector<float> line(
                 static_cast<size_t>(f.up_width * behind));  // the sum over the output lines that read this line
             std::vector<const float*> parts;
             std::vector<float> weights;
             const auto terms = [&] { return static_cast<int>(parts.size()); };
             for (int64_t row = begin; row < end; ++row) {
               const int64_t item = row / low_height, y = row % low_height;
               for (int64_t x = 0; x < f.up_width; ++x) {
                 parts.clear();
                 weights.clear();
                 for (const auto& tap : vertical[static_cast<size_t>(y)]) {
                   const int64_t pixel = (item * f.height + f.top + tap.pixel) * f.width + f.left + x;
                   parts.push_back(from + pixel * channels + skip_channels);
                   weights.push_back(tap.weight);
                 }
                 weighted_sum(parts.data(), weights.data(), terms(), behind, line.data() + x * behind);
               }
               for (int64_t x = 0; x < low_width; ++x) {
                 parts.clear();
                 weights.clear();
                 for (const auto& tap : horizontal[static_cast<size_t>(x)]) {
                   parts.push_back(line.data() + tap.pixel * behind);
                   weights.push_back(tap.weight);
                 }
                 weighted_sum(parts.data(), weights.data(), terms(), behind, to + (row * low_width + x) * behind);
               }
             }
           });
  return out;
}

/// Pools line by line; span(place, size) gives the first and last pixel of the window of a place along an axis.
template <class Span>
void pool_lines(const Tensor& from, const Tensor& to, const Span& span) {
  const int64_t channels = from.size(1), height = from.size(2), width = from.size(3), lines = to.size(2),
                places = to.size(3);
  for_rows(to.size(0) * lines, places * channels, [&, in = data(from), out = data(to)](int64_t begin, int64_t end) {
    const float* parts[9];
    float weights[9];
    std::fill_n(weights, 9, 1.0F / 9);
    for (int64_t row = begin; row < end; ++row) {
      const int64_t item = row / lines;
      const auto [top, bottom] = span(row % lines, height);
      for (int64_t x = 0; x < places; ++x) {
        const auto [left, right] = span(x, width);
        int terms = 0;
        for (int64_t h = top; h <= bottom; ++h) {
          for (int64_t w = left; w <= right; ++w) parts[terms++] = in + ((item * height + h) * width + w) * channels;
        }
        weighted_sum(parts, weights, terms, channels, out + (row * places + x) * channels);
      }
    }
  });
}

Tensor avg_pool(const Tensor& x) {
  const auto out = image(x, {x.size(0), x.size(1), (x.size(2) + 1) / 2, (x.size(3) + 1) / 2});
  pool_lines(x, out, [](int64_t place, int64_t size) {
    return std::pair(std::max<int64_t>(2 * place - 1, 0), std::min(2 * place + 1, size - 1));
  });
  return out;
}

Tensor avg_pool_backward(const Tensor& gradient, int64_t height, int64_t width) {
  const auto out = image(gradient, {gradient.size(0), gradient.size(1), height, width});
  pool_lines(gradient, out,
             [](int64_t place, int64_t size) { return std::pair(place / 2, std::min((place + 1) / 2, size - 1)); });
  return out;
}

}  // namespace

const KernelTable& cpu_kernels() {
  static const KernelTable kernels{.batch_statistics = batch_statistics,
                                   .normalise_relu = normalise_relu,
                                   .normalise_relu_backward = normalise_relu_backward,
                                   .group_statistics = cpu_group_statistics,
                                   .group_normalise = cpu_group_normalise,
                                   .group_normalise_backward = cpu_group_normalise_backward,
                                   .upsample_concat = upsample_concat,
                                   .upsample_concat_backward = upsample_concat_backward,
                                   .avg_pool = avg_pool,
                                   .avg_pool_backward = avg_pool_backward,
                                   .leaky_residual = leaky_residual,
                                   .leaky_residual_backward = leaky_residual_backward};
  return kernels;
}

}  // namespace monge::nn::ops

#include "monge/nn/ops/cpu_group_norm.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "monge/nn/ops/cpu_loops.h"
#include "monge/nn/parts.h"

namespace monge::nn::ops {
namespace {

using torch::Tensor;

/// The least work of a thread, in numbers: for less, waking the thread takes longer.
constexpr int64_t kLeastWork = 16384;

/// Sizes of a batch of images, and the equal parts into which the pixels of each sample are divided so that a few
/// large samples also keep all threads busy. The parts depend on the number of threads only.
struct Layout {
  explicit Layout(const Tensor& x)
      : batch(x.size(0)),
        channels(x.size(1)),
        rows(x.size(2) * x.size(3)),
        threads(thread_count(std::max<int64_t>(x.numel() / kLeastWork, 1))),
        parts(threads == 1 || batch >= 4 * threads ? 1 : std::clamp<int64_t>(4 * threads / batch, 1, rows)) {}

  /// Calls work(sample, part, first row, number of rows).
  template <class Work>
  void for_parts(const Work& work) const {
    std::atomic<int64_t> next = 0;
    on_threads(threads, [&] {
      for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < batch * parts;) {
        const int64_t part = i % parts, begin = rows * part / parts;
        work(i / parts, part, begin, rows * (part + 1) / parts - begin);
      }
    });
  }

  /// Two sums over the pixels of each sample, [batch, 2, channels]. add(sample, first row, rows, a, b) adds a part.
  template <class Add>
  std::vector<double> sums(const Add& add) const {
    const auto span = static_cast<size_t>(2 * channels);
    std::vector<double> all(span * static_cast<size_t>(batch * parts));
    for_parts([&](int64_t sample, int64_t part, int64_t begin, int64_t count) {
      double* own = all.data() + static_cast<size_t>(sample * parts + part) * span;
      add(sample, begin, count, own, own + channels);
    });
    for (int64_t sample = 0; sample < batch; ++sample) {
      double* to = all.data() + static_cast<size_t>(sample) * span;
      const double* from = all.data() + static_cast<size_t>(sample * parts) * span;
      for (size_t c = 0; c < span; ++c) {
        double sum = 0;
        for (int64_t part = 0; part < parts; ++part) sum += from[static_cast<size_t>(part) * span + c];
        to[c] = sum;
      }
    }
    all.resize(span * static_cast<size_t>(batch));
    return all;
  }

  int64_t batch, channels, rows, threads, parts;
};

/// The affine maps of all samples, [batch, channels] each.
class SampleAffines {
 public:
  SampleAffines(const Layout& layout, const GroupStatistics& statistics, const Tensor& gamma_BC, const Tensor& beta_BC)
      : channels_(layout.channels), beta_(beta_BC.contiguous()), shift_(beta_.data_ptr<float>()) {
    const auto gamma = gamma_BC.contiguous();
    const int64_t groups = statistics.mean_BG.size(1), width = channels_ / groups;
    const float *mean = statistics.mean_BG.data_ptr<float>(), *invstd = statistics.invstd_BG.data_ptr<float>();
    mean_.resize(static_cast<size_t>(layout.batch * channels_));
    scale_.resize(mean_.size());
    for (int64_t i = 0; i < layout.batch * channels_; ++i) {
      const int64_t group = i / width;  // groups of all samples in order, since width divides the channels
      mean_[static_cast<size_t>(i)] = mean[group];
      scale_[static_cast<size_t>(i)] = invstd[group] * gamma.data_ptr<float>()[i];
    }
  }

  ChannelAffine of(int64_t sample) const {
    const auto at = static_cast<size_t>(sample * channels_);
    return {.mean = mean_.data() + at, .scale = scale_.data() + at, .shift = shift_ + at};
  }

 private:
  int64_t channels_;
  std::vector<float> mean_, scale_;
  Tensor beta_;  ///< keeps shift_ alive
  const float* shift_;
};

}  // namespace

GroupStatistics cpu_group_statistics(const Tensor& x, int64_t groups, double eps) {
  const Layout layout(x);
  const int64_t channels = layout.channels, width = channels / groups;
  const float* from = x.data_ptr<float>();
  // The first pixel of each sample is the pivot: without it a mean far from 0 would cancel the variance.
  const auto pivot = [&](int64_t sample) { return from + sample * layout.rows * channels; };
  const auto sums = layout.sums([&](int64_t sample, int64_t begin, int64_t count, double* a, double* b) {
    add_sums(pivot(sample) + begin * channels, count, channels, pivot(sample), a, b);
  });
  GroupStatistics out{at::empty({layout.batch, groups}, x.options()), at::empty({layout.batch, groups}, x.options())};
  const auto rows = static_cast<double>(layout.rows), count = rows * static_cast<double>(width);
  for (int64_t i = 0; i < layout.batch * groups; ++i) {
    const int64_t sample = i / groups, first = (i % groups) * width;
    const double* a = sums.data() + sample * 2 * channels + first;
    const double* b = a + channels;
    const float* p = pivot(sample) + first;
    double mean = 0, squares = 0;
    for (int64_t c = 0; c < width; ++c) mean += static_cast<double>(p[c]) + a[c] / rows;
    mean /= static_cast<double>(width);
    for (int64_t c = 0; c < width; ++c) {
      const double off = mean - static_cast<double>(p[c]);
      squares += b[c] - 2 * off * a[c] + rows * off * off;
    }
    out.mean_BG.data_ptr<float>()[i] = static_cast<float>(mean);
    out.invstd_BG.data_ptr<float>()[i] = static_cast<float>(1 / std::sqrt(std::max(squares, 0.0) / count + eps));
  }
  return out;
}

Tensor cpu_group_normalise(const Tensor& x, const GroupStatistics& statistics, const Tensor& gamma_BC,
                           const Tensor& beta_BC, bool is_silu) {
  const Layout layout(x);
  const SampleAffines lines(layout, statistics, gamma_BC, beta_BC);
  const auto out = at::empty(x.sizes(), x.options(), torch::MemoryFormat::ChannelsLast);
  const auto run = is_silu ? normalise_rows_silu : normalise_rows;
  layout.for_parts([&, from = x.data_ptr<float>(), to = out.data_ptr<float>()](int64_t sample, int64_t, int64_t begin,
                                                                               int64_t count) {
    const int64_t at = (sample * layout.rows + begin) * layout.channels;
    run(from + at, count, layout.channels, lines.of(sample), to + at);
  });
  return out;
}

std::array<Tensor, 3> cpu_group_normalise_backward(const Tensor& gradient, const Tensor& x,
                                                   const GroupStatistics& statistics, const Tensor& gamma_BC,
                                                   const Tensor& beta_BC, bool is_silu) {
  const Layout layout(x);
  const int64_t channels = layout.channels, groups = statistics.mean_BG.size(1), width = channels / groups;
  const SampleAffines lines(layout, statistics, gamma_BC, beta_BC);
  const auto place = [&](int64_t sample, int64_t row) { return (sample * layout.rows + row) * channels; };
  const float *from = x.data_ptr<float>(), *above = gradient.data_ptr<float>();
  const auto add = is_silu ? add_gradient_sums_silu : add_gradient_sums;
  const auto sums = layout.sums([&](int64_t sample, int64_t begin, int64_t count, double* a, double* b) {
    const int64_t at = place(sample, begin);
    add(above + at, from + at, count, channels, lines.of(sample), a, b);
  });

  // With xhat = (x - mean) invstd and g the gradient before the activation, the gradient of x is
  // invstd (gamma g - mean(gamma g) - xhat mean(gamma g xhat)), where the means are over the group.
  const auto gamma = gamma_BC.contiguous();
  const auto gamma_gradient = at::empty({layout.batch, channels}, x.options());
  const auto beta_gradient = at::empty({layout.batch, channels}, x.options());
  std::vector<float> offset(static_cast<size_t>(layout.batch * channels)), slope(offset.size());
  const double count = static_cast<double>(layout.rows * width);
  for (int64_t i = 0; i < layout.batch * groups; ++i) {
    const int64_t sample = i / groups, first = (i % groups) * width;
    const double* sum = sums.data() + sample * 2 * channels + first;
    const double* product = sum + channels;
    const double invstd = static_cast<double>(statistics.invstd_BG.data_ptr<float>()[i]);
    double mean_sum = 0, mean_product = 0;
    for (int64_t c = 0; c < width; ++c) {
      const int64_t at = sample * channels + first + c;
      const auto weight = static_cast<double>(gamma.data_ptr<float>()[at]);
      mean_sum += weight * sum[c] / count;
      mean_product += weight * product[c] / count;
      gamma_gradient.data_ptr<float>()[at] = static_cast<float>(product[c] * invstd);
      beta_gradient.data_ptr<float>()[at] = static_cast<float>(sum[c]);
    }
    const auto at = static_cast<size_t>(sample * channels + first);
    std::fill_n(offset.begin() + static_cast<int64_t>(at), width, static_cast<float>(invstd * mean_sum));
    std::fill_n(slope.begin() + static_cast<int64_t>(at), width,
                static_cast<float>(invstd * invstd * invstd * mean_product));
  }

  const auto out = at::empty(x.sizes(), x.options(), torch::MemoryFormat::ChannelsLast);
  const auto run = is_silu ? group_rows_backward_silu : group_rows_backward;
  layout.for_parts([&, to = out.data_ptr<float>()](int64_t sample, int64_t, int64_t begin, int64_t rows) {
    const int64_t at = place(sample, begin), line = sample * channels;
    run(above + at, from + at, rows, channels, lines.of(sample), offset.data() + line, slope.data() + line, to + at);
  });
  return {out, gamma_gradient, beta_gradient};
}

}  // namespace monge::nn::ops

// Calls the launchers of kernels.h with tensors. The tests compile this file a second time, for the emulated kernels.
#include "monge/nn/ops/kernel_table.h"

#if defined(MONGE_CUDA) || defined(MONGE_EMULATED)

#include <ATen/Functions.h>
#include <c10/core/DeviceGuard.h>

#include "monge/nn/ops/enlarged_frame.h"
#include "monge/nn/ops/kernels.h"

#ifndef MONGE_EMULATED
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace monge::nn::ops {
inline namespace MONGE_KERNELS {
namespace {

using torch::Tensor;

#ifdef MONGE_EMULATED
void* stream_of(const Tensor&) { return nullptr; }
void check(int code) { TORCH_CHECK(code == 0, "the emulator cannot fail"); }
#else
void* stream_of(const Tensor& t) { return c10::cuda::getCurrentCUDAStream(t.device().index()).stream(); }
void check(int code) { C10_CUDA_CHECK(static_cast<cudaError_t>(code)); }
#endif

template <class T>
T* data(const Tensor& t) {
  return t.defined() ? static_cast<T*>(t.data_ptr()) : nullptr;
}
float* floats(const Tensor& t) { return data<float>(t); }

/// Calls work with a value of t's type.
template <class Work>
void by_type(const Tensor& t, const Work& work) {
  const c10::OptionalDeviceGuard device(t.device());
  if (t.scalar_type() == torch::kBFloat16) {
    work(Bf16{});
  } else {
    work(float{});
  }
}

int64_t pixels(const Tensor& x) { return x.size(0) * x.size(2) * x.size(3); }
int narrowed(int64_t x) {
  TORCH_CHECK(x <= INT32_MAX, "a size of ", x, " does not fit a kernel");
  return static_cast<int>(x);
}
Tensor like(const Tensor& x) { return at::empty(x.sizes(), x.options(), torch::MemoryFormat::ChannelsLast); }
Tensor image(const Tensor& x, at::IntArrayRef sizes) {
  return at::empty(sizes, x.options(), torch::MemoryFormat::ChannelsLast);
}

KernelTable::Statistics batch_statistics(const Tensor& x, const Tensor& running_mean, const Tensor& running_variance,
                                         double momentum, double eps) {
  const auto options = running_mean.options();
  KernelTable::Statistics out{at::empty({x.size(1)}, options), at::empty({x.size(1)}, options)};
  const auto scratch = at::empty({2 * kMostSums, x.size(1)}, options);
  by_type(x, [&]<class T>(T) {
    check(launch_batch_statistics(data<T>(x), pixels(x), narrowed(x.size(1)), static_cast<float>(momentum),
                                  static_cast<float>(eps), floats(out.mean), floats(out.invstd), floats(running_mean),
                                  floats(running_variance), floats(scratch), stream_of(x)));
  });
  return out;
}

Tensor normalise_relu(const Tensor& x, const Tensor& mean, const Tensor& invstd, const Tensor& weight,
                      const Tensor& bias) {
  const auto y = like(x);
  by_type(x, [&]<class T>(T) {
    check(launch_normalise_relu(data<T>(x), pixels(x), narrowed(x.size(1)), floats(mean), floats(invstd),
                                floats(weight), floats(bias), data<T>(y), stream_of(x)));
  });
  return y;
}

std::array<Tensor, 3> normalise_relu_backward(const Tensor& gradient, const Tensor& x, const Tensor& mean,
                                              const Tensor& invstd, const Tensor& weight, const Tensor& bias,
                                              bool training) {
  std::array<Tensor, 3> out{like(x), at::empty_like(weight), at::empty_like(bias)};
  const auto scratch = at::empty({2 * kMostSums + 2, x.size(1)}, mean.options());
  by_type(x, [&]<class T>(T) {
    check(launch_normalise_relu_backward(data<T>(gradient), data<T>(x), pixels(x), narrowed(x.size(1)), floats(mean),
                                         floats(invstd), floats(weight), floats(bias), training, data<T>(out[0]),
                                         floats(out[1]), floats(out[2]), floats(scratch), stream_of(x)));
  });
  return out;
}

GroupedImages grouped(const Tensor& x, int64_t groups) {
  return {x.size(0), x.size(2) * x.size(3), narrowed(x.size(1)), narrowed(groups)};
}

Tensor group_scratch(const Tensor& x) {
  return at::empty({2, most_group_sums(x.size(0)), x.size(1)}, x.options().dtype(torch::kFloat32));
}

/// Whether the rows of t [B, C] are one row in memory.
bool is_expanded(const Tensor& t) { return t.stride(0) == 0 && t.stride(1) == 1; }

/// gamma and beta in the layouts that the kernels read; keeps them alive.
class AffineTensors {
 public:
  AffineTensors(const GroupStatistics& statistics, const Tensor& gamma_BC, const Tensor& beta_BC)
      : statistics_(statistics),
        shared_(is_expanded(gamma_BC) && is_expanded(beta_BC)),
        gamma_(shared_ ? gamma_BC : gamma_BC.contiguous()),
        beta_(shared_ ? beta_BC : beta_BC.contiguous()) {}

  GroupAffine get() const {
    return {floats(statistics_.mean_BG), floats(statistics_.invstd_BG), floats(gamma_), floats(beta_), !shared_};
  }

 private:
  GroupStatistics statistics_;
  bool shared_;
  Tensor gamma_, beta_;
};

GroupStatistics group_statistics(const Tensor& x, int64_t groups, double eps) {
  const auto options = x.options().dtype(torch::kFloat32);
  GroupStatistics out{at::empty({x.size(0), groups}, options), at::empty({x.size(0), groups}, options)};
  const auto scratch = group_scratch(x);
  by_type(x, [&]<class T>(T) {
    check(launch_group_statistics(data<T>(x), grouped(x, groups), static_cast<float>(eps), floats(out.mean_BG),
                                  floats(out.invstd_BG), floats(scratch), stream_of(x)));
  });
  return out;
}

Tensor group_normalise(const Tensor& x, const GroupStatistics& statistics, const Tensor& gamma_BC,
                       const Tensor& beta_BC, bool is_silu) {
  const auto y = like(x);
  by_type(x, [&]<class T>(T) {
    const AffineTensors affine(statistics, gamma_BC, beta_BC);
    check(launch_group_normalise(data<T>(x), grouped(x, statistics.mean_BG.size(1)), affine.get(), is_silu, data<T>(y),
                                 stream_of(x)));
  });
  return y;
}

std::array<Tensor, 3> group_normalise_backward(const Tensor& gradient, const Tensor& x,
                                               const GroupStatistics& statistics, const Tensor& gamma_BC,
                                               const Tensor& beta_BC, bool is_silu) {
  const auto options = gamma_BC.options();
  std::array<Tensor, 3> out{like(x), at::empty(gamma_BC.sizes(), options), at::empty(gamma_BC.sizes(), options)};
  const int64_t groups = statistics.mean_BG.size(1);
  const auto scratch = group_scratch(x), coefficients = at::empty({2, x.size(0), groups}, options);
  by_type(x, [&]<class T>(T) {
    const AffineTensors affine(statistics, gamma_BC, beta_BC);
    check(launch_group_normalise_backward(data<T>(gradient), data<T>(x), grouped(x, groups), affine.get(), is_silu,
                                          data<T>(out[0]), floats(out[1]), floats(out[2]), floats(scratch),
                                          floats(coefficients), stream_of(x)));
  });
  return out;
}

Tensor upsample_concat(const Tensor& skip, const Tensor& low) {
  const auto frame =
      enlarged_frame(skip.size(0), skip.size(1), skip.size(2), skip.size(3), low.size(1), low.size(2), low.size(3));
  const auto out = image(skip, {skip.size(0), skip.size(1) + low.size(1), skip.size(2), skip.size(3)});
  by_type(skip, [&]<class T>(T) {
    check(launch_upsample_concat(data<T>(skip), data<T>(low), frame, data<T>(out), stream_of(skip)));
  });
  return out;
}

Tensor upsample_concat_backward(const Tensor& gradient, int64_t skip_channels, int64_t low_height, int64_t low_width) {
  const int64_t channels = gradient.size(1) - skip_channels;
  const auto frame = enlarged_frame(gradient.size(0), skip_channels, gradient.size(2), gradient.size(3), channels,
                                    low_height, low_width);
  const auto out = image(gradient, {gradient.size(0), channels, low_height, low_width});
  by_type(gradient, [&]<class T>(T) {
    check(launch_upsample_concat_backward(data<T>(gradient), frame, data<T>(out), stream_of(gradient)));
  });
  return out;
}

Tensor avg_pool(const Tensor& x) {
  const auto out = image(x, {x.size(0), x.size(1), (x.size(2) + 1) / 2, (x.size(3) + 1) / 2});
  by_type(x, [&]<class T>(T) {
    check(launch_avg_pool(data<T>(x), narrowed(x.size(0)), narrowed(x.size(2)), narrowed(x.size(3)),
                          narrowed(x.size(1)), data<T>(out), stream_of(x)));
  });
  return out;
}

Tensor avg_pool_backward(const Tensor& gradient, int64_t height, int64_t width) {
  const auto out = image(gradient, {gradient.size(0), gradient.size(1), height, width});
  by_type(gradient, [&]<class T>(T) {
    check(launch_avg_pool_backward(data<T>(gradient), narrowed(out.size(0)), narrowed(height), narrowed(width),
                                   narrowed(out.size(1)), data<T>(out), stream_of(gradient)));
  });
  return out;
}

void leaky_residual(const Tensor& shortcut, const Tensor& dx, double ratio, double slope, const Tensor& out) {
  by_type(dx, [&]<class T>(T) {
    check(launch_leaky_residual(data<T>(shortcut), data<T>(dx), dx.numel(), static_cast<float>(ratio),
                                static_cast<float>(slope), data<T>(out), stream_of(dx)));
  });
}

std::array<Tensor, 2> leaky_residual_backward(const Tensor& gradient, const Tensor& y, double ratio, double slope,
                                              std::array<bool, 2> wanted) {
  std::array<Tensor, 2> out;
  for (const size_t i : {0, 1}) {
    if (wanted[i]) out[i] = at::empty_like(y);
  }
  by_type(y, [&]<class T>(T) {
    check(launch_leaky_residual_backward(data<T>(gradient), data<T>(y), y.numel(), static_cast<float>(ratio),
                                         static_cast<float>(slope), data<T>(out[0]), data<T>(out[1]), stream_of(y)));
  });
  return out;
}

const KernelTable& cuda_kernel_table() {
  static const KernelTable kernels{.bf16 = true,
                                   .batch_statistics = batch_statistics,
                                   .normalise_relu = normalise_relu,
                                   .normalise_relu_backward = normalise_relu_backward,
                                   .group_statistics = group_statistics,
                                   .group_normalise = group_normalise,
                                   .group_normalise_backward = group_normalise_backward,
                                   .upsample_concat = upsample_concat,
                                   .upsample_concat_backward = upsample_concat_backward,
                                   .avg_pool = avg_pool,
                                   .avg_pool_backward = avg_pool_backward,
                                   .leaky_residual = leaky_residual,
                                   .leaky_residual_backward = leaky_residual_backward};
  return kernels;
}

}  // namespace
}  // namespace MONGE_KERNELS
}  // namespace monge::nn::ops

#endif

#ifndef MONGE_EMULATED
namespace monge::nn::ops {

const KernelTable* cuda_kernels() {
#ifdef MONGE_CUDA
  return &cuda_kernel_table();
#else
  return nullptr;
#endif
}

const KernelTable& kernels_for(const torch::Tensor& t) {
  static const KernelTable none;
  const KernelTable* kernels = t.is_cuda() ? cuda_kernels() : t.is_cpu() ? &cpu_kernels() : nullptr;
  const bool takes =
      kernels && (t.scalar_type() == torch::kFloat32 || (kernels->bf16 && t.scalar_type() == torch::kBFloat16));
  return takes ? *kernels : none;
}

}  // namespace monge::nn::ops
#endif

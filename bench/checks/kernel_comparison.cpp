#include "bench/checks/kernel_comparison.h"

#include <torch/autograd.h>
#include <torch/cuda.h>

#include <chrono>
#include <functional>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/nn/ops/avg_pool.h"
#include "monge/nn/ops/batch_norm_relu.h"
#include "monge/nn/ops/group_norm.h"
#include "monge/nn/ops/leaky_residual.h"
#include "monge/nn/ops/upsample_concat.h"

namespace monge::nn::ops {
namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;
using Sizes = std::vector<int64_t>;

constexpr double kBend = 1e-4;

Tensor wide(const Tensor& t) { return t.detach().to(torch::kFloat64); }
Tensor leaf(const Tensor& t) { return wide(t).requires_grad_(true); }

double error_of(const Tensor& found, const Tensor& exact) {
  if (found.sizes() != exact.sizes()) return std::numeric_limits<double>::infinity();
  auto apart = (wide(found) - exact).abs();
  if (found.scalar_type() == torch::kBFloat16) apart = (apart - exact.abs() * 0x1p-8).clamp_min(0);
  const double error = (apart.max() / exact.abs().max().clamp_min(1e-30)).item<double>();
  return error == error ? error : std::numeric_limits<double>::infinity();
}

double milliseconds(const std::function<void()>& work) {
  constexpr int kTimes = 30;
  for (int i = 0; i < 3; ++i) work();
  torch::cuda::synchronize();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kTimes; ++i) work();
  torch::cuda::synchronize();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() / kTimes;
}

/// The comparisons of one type on one device.
class Comparisons {
 public:
  Comparisons(const KernelTable& kernels, torch::Device device, torch::ScalarType type, std::vector<KernelCheck>& out)
      : kernels_(kernels), device_(device), type_(type), out_(out) {}

  void batch_norm_relu(const Sizes& sizes, bool timed) {
    if (!kernels_.batch_statistics) return;
    const auto x = image(random(sizes) * 3 + 10);
    const auto weight = parameter(random({sizes[1]}) + 1.5), bias = parameter(random({sizes[1]}));
    const auto mean = parameter(random({sizes[1]})), variance = parameter(random({sizes[1]}).square() + 0.5);
    for (const bool training : {true, false}) {
      const std::string name = training ? "batch_norm_relu" : "batch_norm_relu (eval)";
      BatchNorm exact{leaf(weight), leaf(bias), wide(mean), wide(variance), training};
      if (!training) exact.running_mean = exact.running_mean + 10;  // the middle of x
      const auto running_mean = exact.running_mean.to(torch::kFloat32), running_variance = variance.clone();
      BatchNorm reference{weight.detach().clone().requires_grad_(true), bias.detach().clone().requires_grad_(true),
                          running_mean.clone(), running_variance.clone(), training};
      const auto x_exact = leaf(x), x_reference = x.detach().requires_grad_(true);
      const auto y = reference_batch_norm_relu(x_exact, exact);
      const auto invstd = torch::rsqrt(running_variance + exact.eps);
      const auto statistics = [&](const Tensor& m, const Tensor& v) {
        return training ? kernels_.batch_statistics(x, m, v, exact.momentum, exact.eps)
                        : KernelTable::Statistics{running_mean, invstd};
      };
      const auto forward = [&] {
        auto m = running_mean.clone(), v = running_variance.clone();
        const auto found = statistics(m, v);
        return Tensors{kernels_.normalise_relu(x, found.mean, found.invstd, weight, bias), m, v};
      };
      add(name + ".forward", sizes, timed, forward, {y, exact.running_mean, exact.running_variance},
          [&] { reference_batch_norm_relu(x, reference); });
      // The argument of ReLU, to exclude the neighbourhood of its bend.
      auto again = exact;
      again.running_mean = exact.running_mean.detach().clone();
      const auto argument =
          torch::batch_norm(x_exact.detach(), exact.weight.detach(), exact.bias.detach(), again.running_mean,
                            exact.running_variance.detach().clone(), training, 0, exact.eps, false);
      const auto top = image(random(sizes)).masked_fill(argument.abs() < kBend, 0).contiguous(kNhwc);
      auto m = running_mean.clone(), v = running_variance.clone();
      const auto found = statistics(m, v);
      const auto y_reference = timed ? reference_batch_norm_relu(x_reference, reference) : Tensor();
      add(
          name + ".backward", sizes, timed,
          [&] {
            const auto all = kernels_.normalise_relu_backward(top, x, found.mean, found.invstd, weight, bias, training);
            return Tensors(all.begin(), all.end());
          },
          gradients(y, {x_exact, exact.weight, exact.bias}, top),
          [&] { torch::autograd::grad({y_reference}, {x_reference, reference.weight, reference.bias}, {top}, true); });
    }
  }

  void group_norm(const Sizes& sizes, int64_t groups, bool timed) {
    if (!kernels_.group_statistics) return;
    const auto x = image(random(sizes) * 3 + 10);
    const Sizes per_sample{sizes[0], sizes[1]};
    const auto weight = parameter(random({sizes[1]}) + 1.5), bias = parameter(random({sizes[1]}));
    const auto scale = parameter(random(per_sample)), shift = parameter(random(per_sample));
    for (const bool modulated : {true, false}) {
      for (const auto activation : {NormActivation::silu, NormActivation::relu}) {
        const auto gamma = modulated ? weight * (1 + scale) : weight.unsqueeze(0).expand(per_sample);
        const auto beta = modulated ? bias * (1 + scale) + shift : bias.unsqueeze(0).expand(per_sample);
        const GroupNorm reference{.groups = groups,
                                  .weight = weight.clone().requires_grad_(true),
                                  .bias = bias.clone().requires_grad_(true),
                                  .scale_BC = modulated ? scale : Tensor(),
                                  .shift_BC = modulated ? shift : Tensor(),
                                  .activation = activation};
        group_norm(x, gamma, beta, reference, timed);
      }
    }
  }

  void upsample_concat(const Sizes& skip_sizes, const Sizes& low_sizes, bool timed) {
    if (!kernels_.upsample_concat) return;
    const auto skip = image(random(skip_sizes)), low = image(random(low_sizes));
    const auto skip_exact = leaf(skip), low_exact = leaf(low);
    const auto y = reference_upsample_concat(skip_exact, low_exact);
    add(
        "upsample_concat.forward", skip_sizes, timed, [&] { return Tensors{kernels_.upsample_concat(skip, low)}; }, {y},
        [&] { reference_upsample_concat(skip, low); });
    const auto top = image(random(y.sizes().vec()));
    const auto low_reference = low.detach().requires_grad_(true), skip_reference = skip.detach().requires_grad_(true);
    const auto y_reference = timed ? reference_upsample_concat(skip_reference, low_reference) : Tensor();
    add(
        "upsample_concat.backward", skip_sizes, timed,
        [&] { return Tensors{kernels_.upsample_concat_backward(top, skip_sizes[1], low_sizes[2], low_sizes[3])}; },
        gradients(y, {low_exact}, top),
        [&] { torch::autograd::grad({y_reference}, {skip_reference, low_reference}, {top}, true); });
  }

  void avg_pool(const Sizes& sizes, bool timed) {
    if (!kernels_.avg_pool) return;
    const auto x = image(random(sizes)), x_exact = leaf(x);
    const auto y = reference_avg_pool(x_exact);
    add(
        "avg_pool.forward", sizes, timed, [&] { return Tensors{kernels_.avg_pool(x)}; }, {y},
        [&] { reference_avg_pool(x); });
    const auto top = image(random(y.sizes().vec())), x_reference = x.detach().requires_grad_(true);
    const auto y_reference = timed ? reference_avg_pool(x_reference) : Tensor();
    add(
        "avg_pool.backward", sizes, timed, [&] { return Tensors{kernels_.avg_pool_backward(top, sizes[2], sizes[3])}; },
        gradients(y, {x_exact}, top), [&] { torch::autograd::grad({y_reference}, {x_reference}, {top}, true); });
  }

  void leaky_residual(const Sizes& sizes, bool timed) {
    if (!kernels_.leaky_residual) return;
    const double ratio = 0.1, slope = 0.2;
    const auto shortcut = image(random(sizes)), dx = image(random(sizes));
    const auto shortcut_exact = leaf(shortcut), dx_exact = leaf(dx);
    const auto y = reference_leaky_residual(shortcut_exact, dx_exact, ratio, slope);
    const auto forward = [&] {
      auto out = torch::empty_like(dx);
      kernels_.leaky_residual(shortcut, dx, ratio, slope, out);
      return Tensors{out};
    };
    add("leaky_residual.forward", sizes, timed, forward, {y},
        [&] { reference_leaky_residual(shortcut, dx, ratio, slope); });
    const auto out = forward()[0];
    const auto top = image(random(sizes)).masked_fill(y.detach().abs() < kBend, 0).contiguous(kNhwc);
    const auto a = shortcut.detach().requires_grad_(true), b = dx.detach().requires_grad_(true);
    const auto y_reference = timed ? reference_leaky_residual(a, b, ratio, slope) : Tensor();
    add(
        "leaky_residual.backward", sizes, timed,
        [&] {
          const auto all = kernels_.leaky_residual_backward(top, out, ratio, slope, {true, true});
          return Tensors(all.begin(), all.end());
        },
        gradients(y, {shortcut_exact, dx_exact}, top),
        [&] { torch::autograd::grad({y_reference}, {a, b}, {top}, true); });
  }

 private:
  static constexpr auto kNhwc = torch::MemoryFormat::ChannelsLast;

  /// Draws on the CPU, so that every device gets the same numbers; large tensors are drawn on the device, which takes a
  /// hundredth of the time.
  Tensor random(const Sizes& sizes) {
    constexpr int64_t kLarge = int64_t{1} << 20;
    const auto where = c10::multiply_integers(sizes) > kLarge ? device_ : torch::Device(torch::kCPU);
    return torch::randn(sizes, RandomStreams(5, where).at("check", ++drawn_),
                        torch::dtype(torch::kFloat32).device(where));
  }
  Tensor image(const Tensor& t) const { return t.to(type_).to(device_).contiguous(kNhwc); }
  Tensor parameter(const Tensor& t) const { return t.to(device_); }

  void group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const GroupNorm& reference, bool timed) {
    const auto sizes = x.sizes().vec();
    const bool is_silu = reference.activation == NormActivation::silu;
    const auto name =
        text("group_norm (", is_silu ? "silu" : "relu", reference.scale_BC.defined() ? ", modulated)" : ")");
    const auto column = [](const Tensor& t) { return t.unsqueeze(2).unsqueeze(3); };
    const auto x_exact = leaf(x), gamma_exact = leaf(gamma), beta_exact = leaf(beta);
    const auto normal = torch::group_norm(x_exact, reference.groups, {}, {}, reference.eps);
    const auto argument = normal * column(gamma_exact) + column(beta_exact);
    const auto y = is_silu ? torch::silu(argument) : torch::relu(argument);
    const auto by_group = wide(x).contiguous().view({sizes[0], reference.groups, -1});
    const auto statistics = kernels_.group_statistics(x, reference.groups, reference.eps);
    add(
        name + ".forward", sizes, timed,
        [&] {
          const auto found = kernels_.group_statistics(x, reference.groups, reference.eps);
          return Tensors{kernels_.group_normalise(x, found, gamma, beta, is_silu), found.mean_BG, found.invstd_BG};
        },
        {y, by_group.mean(2), torch::rsqrt(by_group.var(2, /*unbiased=*/false) + reference.eps)},
        [&] { reference_group_norm(x, reference); });
    const auto near_bend = is_silu ? torch::zeros_like(argument, torch::kBool) : argument.detach().abs() < kBend;
    const auto top = image(random(sizes)).masked_fill(near_bend, 0).contiguous(kNhwc);
    const auto x_reference = x.detach().requires_grad_(true);
    const auto y_reference = timed ? reference_group_norm(x_reference, reference) : Tensor();
    add(
        name + ".backward", sizes, timed,
        [&] {
          const auto all = kernels_.group_normalise_backward(top, x, statistics, gamma, beta, is_silu);
          return Tensors(all.begin(), all.end());
        },
        gradients(y, {x_exact, gamma_exact, beta_exact}, top),
        [&] { torch::autograd::grad({y_reference}, {x_reference, reference.weight, reference.bias}, {top}, true); });
  }

  static Tensors gradients(const Tensor& y, const Tensors& of, const Tensor& top) {
    return torch::autograd::grad({y}, of, {wide(top)}, /*retain_graph=*/true);
  }

  void add(const std::string& name, const Sizes& sizes, bool timed, const std::function<Tensors()>& fused,
           const Tensors& exact, const std::function<void()>& reference) {
    KernelCheck check{text(name, type_ == torch::kBFloat16 ? " bf16 " : " fp32 ", at::IntArrayRef(sizes))};
    check.tolerance = type_ == torch::kBFloat16 ? 1e-3 : 1e-5;
    const auto found = fused();
    for (size_t i = 0; i < exact.size(); ++i)
      check.error = std::max(check.error, error_of(found[i], exact[i].detach()));
    if (timed) {
      check.kernel_ms = milliseconds([&] { fused(); });
      check.reference_ms = milliseconds(reference);
    }
    out_.push_back(check);
  }

  const KernelTable& kernels_;
  torch::Device device_;
  torch::ScalarType type_;
  std::vector<KernelCheck>& out_;
  int64_t drawn_ = 0;
};

}  // namespace

std::vector<KernelCheck> check_table(const KernelTable& kernels, torch::Device device, bool timed) {
  std::vector<KernelCheck> out;
  for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
    if (type == torch::kBFloat16 && !kernels.bf16) continue;
    Comparisons compare(kernels, device, type, out);
    // Four values a channel (two leave a gradient of rounding alone); channels that fill no vector; several blocks;
    // more packs than a block has threads.
    for (const auto& sizes : {Sizes{2, 8, 1, 2}, {2, 5, 3, 7}, {3, 16, 5, 4}, {4, 48, 20, 20}, {1, 2064, 3, 3}})
      compare.batch_norm_relu(sizes, false);
    // One pixel; channels that fill no vector; vectors with channels of several groups; one group and one for each
    // channel; several blocks of one sample; more packs than a block has threads.
    const std::pair<Sizes, int64_t> norms[] = {{{3, 16, 1, 1}, 4},   {{2, 6, 3, 7}, 2},    {{2, 24, 5, 3}, 8},
                                               {{1, 8, 9, 4}, 1},    {{2, 8, 4, 6}, 8},    {{9, 48, 10, 10}, 8},
                                               {{1, 32, 60, 50}, 4}, {{1, 2064, 3, 3}, 8}, {{2, 1032, 2, 2}, 1}};
    for (const auto& [sizes, groups] : norms) compare.group_norm(sizes, groups, false);
    const std::pair<Sizes, Sizes> levels[] = {{{2, 8, 8, 8}, {2, 8, 4, 4}},    {{1, 3, 9, 10}, {1, 5, 4, 5}},
                                              {{2, 16, 7, 5}, {2, 24, 3, 2}},  {{1, 8, 2, 2}, {1, 8, 1, 1}},
                                              {{1, 8, 1, 3}, {1, 16, 1, 2}},   {{2, 48, 24, 24}, {2, 48, 12, 12}},
                                              {{1, 2048, 4, 4}, {1, 8, 2, 2}}, {{1, 8, 40, 3}, {1, 8, 20, 1}}};
    for (const auto& [skip, low] : levels) compare.upsample_concat(skip, low, false);
    for (const auto& sizes :
         {Sizes{2, 8, 8, 8}, {1, 3, 7, 9}, {2, 16, 1, 1}, {1, 5, 2, 3}, {2, 64, 16, 15}, {1, 2056, 3, 4}}) {
      compare.avg_pool(sizes, false);
    }
    for (const auto& sizes : {Sizes{1, 1, 1, 1}, {2, 3, 5, 7}, {2, 16, 9, 8}, {3, 64, 16, 16}})
      compare.leaky_residual(sizes, false);
    if (!timed) continue;
    // The reference nets at 128 pixels, batch 64: first and third level of the map, first two of the potential. Group
    // norm: first and third level of the map ddpm with width 64.
    compare.batch_norm_relu({64, 48, 128, 128}, true);
    compare.batch_norm_relu({64, 192, 32, 32}, true);
    compare.group_norm({64, 64, 128, 128}, 8, true);
    compare.group_norm({64, 256, 32, 32}, 32, true);
    compare.upsample_concat({64, 48, 128, 128}, {64, 48, 64, 64}, true);
    compare.upsample_concat({64, 192, 32, 32}, {64, 192, 16, 16}, true);
    compare.avg_pool({64, 128, 128, 128}, true);
    compare.avg_pool({64, 256, 64, 64}, true);
    compare.leaky_residual({64, 128, 128, 128}, true);
    compare.leaky_residual({64, 256, 64, 64}, true);
  }
  return out;
}

std::vector<KernelCheck> check_kernels(torch::Device device) {
  if (device.is_cpu()) return check_table(cpu_kernels(), device, /*timed=*/false);
  return cuda_kernels() ? check_table(*cuda_kernels(), device, /*timed=*/true) : std::vector<KernelCheck>{};
}

}  // namespace monge::nn::ops

#include "monge/nn/ops/convolution.h"

#include <ATen/autocast_mode.h>
#include <torch/autograd.h>

#include <array>
#include <optional>
#include <tuple>

#include "monge/nn/ops/winograd.h"

namespace monge::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using winograd::Shape;

constexpr auto kLast = torch::MemoryFormat::ChannelsLast;

torch::Tensor reference_convolution(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  return torch::conv2d(x, weight, bias, /*stride=*/1, /*padding=*/{weight.size(2) / 2, weight.size(3) / 2});
}

/// The gradients of x, weight and bias by LibTorch; undefined if not wanted.
std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> reference_gradients(const torch::Tensor& dy,
                                                                            const torch::Tensor& x,
                                                                            const torch::Tensor& weight,
                                                                            std::array<bool, 3> wanted) {
  return at::convolution_backward(dy, x, weight, at::IntArrayRef{weight.size(0)}, {1, 1}, {1, 1}, {1, 1},
                                  /*transposed=*/false, {0, 0}, /*groups=*/1, wanted);
}

const float* data(const torch::Tensor& t) { return t.const_data_ptr<float>(); }

Shape shape_of(const torch::Tensor& x, int64_t out) { return {x.size(0), x.size(2), x.size(3), x.size(1), out}; }

torch::Tensor empty_images(const torch::Tensor& like, int64_t channels) {
  return torch::empty({like.size(0), channels, like.size(2), like.size(3)}, like.options().memory_format(kLast));
}

torch::Tensor values(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const auto shape = shape_of(x, weight.size(0));
  const int m = winograd::best_tile(shape);
  if (m == 0) return reference_convolution(x, weight, bias);
  const auto y = empty_images(x, weight.size(0)), w = weight.contiguous(kLast);
  const auto shift = bias.defined() ? bias.contiguous() : bias;
  winograd::convolve(m, shape, data(x), data(w), false, shift.defined() ? data(shift) : nullptr, y.data_ptr<float>());
  return y;
}

class WinogradConvolution : public torch::autograd::Function<WinogradConvolution> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& weight,
                               const std::optional<torch::Tensor>& bias) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["bias"] = bias.has_value();
    return values(x, weight, bias.value_or(torch::Tensor()));
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1];
    std::array<bool, 3> wanted{ctx->needs_input_grad(0), ctx->needs_input_grad(1),
                               ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(2)};
    variable_list out(3);
    if (!gradients[0].defined()) return out;
    if (at::GradMode::is_enabled()) {
      std::tie(out[0], out[1], out[2]) = reference_gradients(gradients[0], x, weight, wanted);
      return out;
    }
    const auto dy = gradients[0].contiguous(kLast);
    const auto there = shape_of(x, weight.size(0)), back = shape_of(dy, x.size(1));
    const int m_input = winograd::best_tile(back), m_weight = winograd::best_tile(there);
    if (wanted[0] && m_input > 0) {
      const auto w = weight.contiguous(kLast);
      out[0] = empty_images(dy, x.size(1));
      winograd::convolve(m_input, back, data(dy), data(w), true, nullptr, out[0].data_ptr<float>());
      wanted[0] = false;
    }
    if ((wanted[1] || wanted[2]) && m_weight > 0) {
      out[1] = torch::empty(weight.sizes(), weight.options().memory_format(kLast));
      out[2] = torch::empty({weight.size(0)}, weight.options());
      winograd::weight_gradient(m_weight, there, data(x), data(dy), out[1].data_ptr<float>(), out[2].data_ptr<float>());
      if (!wanted[2]) out[2].reset();
      wanted[1] = wanted[2] = false;
    }
    if (wanted[0] || wanted[1] || wanted[2]) {
      const auto rest = reference_gradients(dy, x, weight, wanted);
      if (wanted[0]) out[0] = std::get<0>(rest);
      if (wanted[1]) out[1] = std::get<1>(rest);
      if (wanted[2]) out[2] = std::get<2>(rest);
    }
    return out;
  }
};

bool takes_convolution(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const auto fits = [](const torch::Tensor& t) { return t.is_cpu() && t.scalar_type() == torch::kFloat32; };
  if (!fits(x) || !fits(weight) || (bias.defined() && !fits(bias)) || x.dim() != 4 || x.numel() == 0) return false;
  if (weight.size(2) != 3 || weight.size(3) != 3 || weight.size(1) != x.size(1)) return false;
  if (!x.is_contiguous(kLast) || at::autocast::is_autocast_enabled(at::kCPU)) return false;
  return winograd::best_tile(shape_of(x, weight.size(0))) > 0 ||
         (x.requires_grad() && winograd::best_tile({x.size(0), x.size(2), x.size(3), weight.size(0), x.size(1)}) > 0);
}

}  // namespace

torch::Tensor convolution(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  if (!takes_convolution(x, weight, bias)) return reference_convolution(x, weight, bias);
  const bool graph = at::GradMode::is_enabled() &&
                     (x.requires_grad() || weight.requires_grad() || (bias.defined() && bias.requires_grad()));
  if (!graph) return values(x, weight, bias);
  // A node of the graph takes no undefined tensor.
  return WinogradConvolution::apply(x, weight, bias.defined() ? std::optional(bias) : std::nullopt);
}

}  // namespace monge::nn

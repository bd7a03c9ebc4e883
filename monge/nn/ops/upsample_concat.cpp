#include "monge/nn/ops/upsample_concat.h"

#include <torch/autograd.h>

#include "monge/nn/ops/kernel_table.h"

namespace monge::nn::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::Tensor reference_enlarged(const torch::Tensor& low, int64_t frame_height, int64_t frame_width) {
  const int64_t height = std::min(2 * low.size(2), frame_height), width = std::min(2 * low.size(3), frame_width);
  const auto up = torch::upsample_bilinear2d(low, {height, width}, /*align_corners=*/true);
  const int64_t dh = frame_height - height, dw = frame_width - width;
  if (dh == 0 && dw == 0) return up;
  return torch::constant_pad_nd(up, {dw / 2, dw - dw / 2, dh / 2, dh - dh / 2});
}

class UpsampleConcatFunction : public torch::autograd::Function<UpsampleConcatFunction> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& skip, const torch::Tensor& low) {
    ctx->saved_data["skip"] = skip.size(1);
    ctx->saved_data["low"] = low.sizes().vec();
    return kernels_for(skip).upsample_concat(skip, low);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const int64_t skip = ctx->saved_data["skip"].toInt();
    const auto sizes = ctx->saved_data["low"].toIntVector();
    const auto& whole = gradients[0];
    variable_list out(2);
    if (ctx->needs_input_grad(0)) out[0] = whole.narrow(1, 0, skip);
    if (!ctx->needs_input_grad(1)) return out;
    if (at::GradMode::is_enabled()) {
      // The operator is linear in low: its gradient does not depend on low.
      const auto low = torch::zeros(sizes, whole.options()).requires_grad_(true);
      const auto up = reference_enlarged(low, whole.size(2), whole.size(3));
      out[1] = torch::autograd::grad({up}, {low}, {whole.narrow(1, skip, sizes[1])}, true, /*create_graph=*/true)[0];
    } else {
      out[1] = kernels_for(whole).upsample_concat_backward(whole.contiguous(torch::MemoryFormat::ChannelsLast), skip,
                                                           sizes[2], sizes[3]);
    }
    return out;
  }
};

bool takes_concat(const torch::Tensor& skip, const torch::Tensor& low) {
  const auto& kernels = kernels_for(skip);
  return kernels.upsample_concat && kernels.upsample_concat_backward && is_nhwc(skip) && is_nhwc(low) &&
         low.scalar_type() == skip.scalar_type() && low.device() == skip.device() && low.size(0) == skip.size(0) &&
         skip.numel() / skip.size(1) < INT32_MAX;
}

}  // namespace

torch::Tensor reference_upsample_concat(const torch::Tensor& skip, const torch::Tensor& low) {
  return torch::cat({skip, reference_enlarged(low, skip.size(2), skip.size(3))}, 1);
}

torch::Tensor upsample_concat(const torch::Tensor& skip, const torch::Tensor& low) {
  if (!takes_concat(skip, low)) return reference_upsample_concat(skip, low);
  if (at::GradMode::is_enabled() && (skip.requires_grad() || low.requires_grad()))
    return UpsampleConcatFunction::apply(skip, low);
  return kernels_for(skip).upsample_concat(skip, low);
}

}  // namespace monge::nn::ops

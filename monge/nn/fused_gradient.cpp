#include "monge/nn/fused_gradient.h"

#include <torch/autograd.h>

#include <algorithm>

#include "monge/core/vectorised.h"
#include "monge/nn/activation_curvature.h"
#include "monge/nn/packed_chain.h"
#include "monge/nn/workspace.h"

namespace monge::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The places of what the derivative needs of the hidden layers, for all rows in one tensor.
struct HiddenValues {
  HiddenValues(const PackedChain& layers, int64_t rows) {
    const auto take = [&](std::vector<int64_t>& at, int64_t width) {
      at.push_back(size);
      size += whole_vectors(rows * width);
    };
    for (size_t l = 0; l + 1 < layers.all.size(); ++l) {
      const int64_t width = layers.all[l].out;
      take(value, width);
      take(gradient, width);
      if (!layers.keeps_slopes) continue;
      take(slope, width);
      take(curvature, width);
    }
  }
  /// The record of layer l from an offset on.
  ActivationRecord record(float* memory, size_t l, int64_t offset) const {
    ActivationRecord out{.value = memory + value[l] + offset};
    if (!slope.empty()) {
      out.slope = memory + slope[l] + offset;
      out.curvature = memory + curvature[l] + offset;
    }
    return out;
  }
  std::vector<int64_t> value, slope, curvature;  ///< of an ActivationRecord
  std::vector<int64_t> gradient;                 ///< d
  int64_t size = 0;
};

/// Computes value and gradient of `rows` rows, and keeps what the derivative needs from row `first` of `memory` on.
void gradient_rows(const PackedChain& layers, const HiddenValues& at, float* memory, const float* x, float* value,
                   float* gradient, int64_t first, int64_t rows) {
  const size_t hidden = layers.all.size() - 1;
  const float* below = x;
  for (size_t l = 0; l < hidden; ++l) {
    const auto record = at.record(memory, l, first * layers.all[l].out);
    curved_pass(layers.all[l], layers.activation, below, record, rows);
    below = record.value;
  }
  const auto& top = layers.all.back();
  output_pass(top, below, value, rows);
  float* up = hidden == 0 ? gradient : memory + at.gradient[hidden - 1] + first * top.in;
  for (int64_t r = 0; r < rows; ++r) std::copy_n(top.weight, top.in, up + r * top.in);
  if (hidden == 0) return;
  gradient_through_activation(layers.activation, at.record(memory, hidden - 1, first * top.in), up, rows, top.in,
                              top.in);
  for (size_t l = hidden - 1; l > 0; --l) {
    const int64_t from = first * layers.all[l].in;
    float* down = memory + at.gradient[l - 1] + from;
    descending_pass(layers.all[l], layers.activation, up, at.record(memory, l - 1, from), down, rows);
    up = down;
  }
  input_gradient(layers.all.front(), up, gradient, rows);
}

/// out[r, :] = w[r] d[r, :], added to `out` with `accumulate`; adds the sums of `out` over rows to `sums`.
MONGE_VECTORISED void weigh_rows(const float* w, const float* d, int64_t rows, int64_t width, float* out,
                                 bool accumulate, float* sums) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) {
      const float before = accumulate ? out[r * width + j] : 0, weighted = before + w[r] * d[r * width + j];
      out[r * width + j] = weighted;
      sums[j] += weighted;
    }
  }
}

/// sum[j] += w[r] h[r, j] over the rows r.
MONGE_VECTORISED void add_weighted_rows(const float* w, const float* h, int64_t rows, int64_t width, float* sum) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) sum[j] += w[r] * h[r * width + j];
  }
}

/// The derivatives of the loss in the two outputs; null for an output that the loss does not use.
struct Derivatives {
  const float* value;     ///< w, [B]
  const float* gradient;  ///< V, [B, I]
};

/// Adds the derivative in the weights, for rows [begin, end), to `sum`, whose last weights and biases begin at zero.
void derivative_rows(const PackedChain& layers, const HiddenValues& at, const GradientSlab& slab, const float* x,
                     float* memory, const Derivatives& given, float* sum, int64_t begin, int64_t end) {
  const auto count = static_cast<int64_t>(layers.all.size()) - 1;
  const auto hidden = static_cast<size_t>(count);
  const int64_t step = std::min(layers.block_rows(), end - begin), side = whole_vectors(step * layers.widest);
  float* scratch = workspace((2 * count + 2) * side);
  const auto tangent = [=](size_t l) { return scratch + static_cast<int64_t>(l) * side; };
  const auto curvature_term = [=](size_t l) { return scratch + (count + static_cast<int64_t>(l)) * side; };
  float* const buffers[2] = {scratch + 2 * count * side, scratch + (2 * count + 1) * side};
  const auto& top = layers.all.back();
  for (int64_t first = begin; first < end; first += step) {
    const int64_t rows = std::min(step, end - first);
    const auto part = [=](int64_t place, int64_t width) { return memory + place + first * width; };
    const auto record = [=, &at](size_t l, int64_t width) { return at.record(memory, l, first * width); };
    const float* v = given.gradient ? given.gradient + first * layers.all.front().in : nullptr;
    const float* w = given.value ? given.value + first : nullptr;
    if (v) {
      const float* below = v;
      for (size_t l = 0; l < hidden; ++l) {
        const int64_t width = layers.all[l].out;
        tangent_pass(layers.all[l], layers.activation, below, record(l, width), part(at.gradient[l], width), tangent(l),
                     curvature_term(l), rows);
        below = tangent(l);
      }
      add_rows(below, rows, top.in, sum + slab.weights.back());
    }
    if (w) {
      const float* below = hidden == 0 ? x + first * top.in : part(at.value[hidden - 1], top.in);
      add_rows(w, rows, 1, sum + slab.biases.back());
      add_weighted_rows(w, below, rows, top.in, sum + slab.weights.back());
    }
    if (hidden == 0) continue;
    // The adjoint of the values before the highest activation.
    float* adjoint = v ? curvature_term(hidden - 1) : buffers[0];
    if (w) {
      weigh_rows(w, part(at.gradient[hidden - 1], top.in), rows, top.in, adjoint, /*accumulate=*/v != nullptr,
                 sum + slab.biases[hidden - 1]);
    } else {
      add_rows(adjoint, rows, top.in, sum + slab.biases[hidden - 1]);
    }
    for (size_t l = hidden; l-- > 0;) {
      const auto& layer = layers.all[l];
      const float* h_below = l == 0 ? x + first * layer.in : part(at.value[l - 1], layer.in);
      weight_gradient(layer, adjoint, h_below, sum + slab.weights[l], rows, /*accumulate=*/first != begin);
      if (v) {
        weight_gradient(layer, part(at.gradient[l], layer.out), l == 0 ? v : tangent(l - 1), sum + slab.weights[l],
                        rows,
                        /*accumulate=*/true);
      }
      if (l == 0) break;
      float* down = buffers[l % 2];
      if (v) {
        adjoint_pass(layer, layers.activation, adjoint, record(l - 1, layer.in), curvature_term(l - 1), down,
                     sum + slab.biases[l - 1], rows);
      } else {
        weigh_rows(w, part(at.gradient[l - 1], layer.in), rows, layer.in, down, /*accumulate=*/false,
                   sum + slab.biases[l - 1]);
      }
      adjoint = down;
    }
  }
}

class FusedValueAndGradient : public torch::autograd::Function<FusedValueAndGradient> {
 public:
  static variable_list forward(AutogradContext* ctx, const torch::Tensor& x, at::TensorList tensors, int64_t activation,
                               bool records) {
    const PackedChain layers(tensors, static_cast<Activation>(activation), Passes::both);
    const auto options = x.options().requires_grad(false);
    auto value = torch::empty({x.size(0)}, options), gradient = torch::empty(x.sizes(), options);
    const HiddenValues at(layers, records ? x.size(0) : layers.block_rows());
    const auto memory = records ? torch::empty({at.size}, options) : torch::Tensor();
    const int64_t in = layers.all.front().in;
    layers.for_blocks(x.size(0), [&](int64_t begin, int64_t end) {
      gradient_rows(layers, at, records ? float_data(memory) : workspace(at.size), float_data(x) + begin * in,
                    float_data(value) + begin, float_data(gradient) + begin * in, records ? begin : 0, end - begin);
    });
    if (!records) return {value, gradient};
    const bool trains = tensors[0].requires_grad();
    variable_list saved{x, memory, gradient, trains ? layers.packed() : torch::Tensor()};
    saved.insert(saved.end(), tensors.begin(), tensors.end());
    ctx->save_for_backward(saved);
    ctx->saved_data["activation"] = activation;
    ctx->saved_data["products"] = static_cast<int64_t>(layers.products);
    ctx->set_materialize_grads(false);
    return {value, gradient};
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &memory = saved[1], &gradient = saved[2], &packed = saved[3];
    const variable_list tensors(saved.begin() + 4, saved.end());
    const auto activation = static_cast<Activation>(ctx->saved_data["activation"].toInt());
    const bool wants_input = ctx->needs_input_grad(0), wants_weights = ctx->needs_input_grad(1);
    if (at::GradMode::is_enabled() || (wants_input && gradients[1].defined()))
      return by_reference(x, tensors, activation, gradients, wants_input, wants_weights);
    variable_list out(tensors.size() + 3);
    if (wants_input && gradients[0].defined()) out[0] = gradient * gradients[0].unsqueeze(1);
    if (!wants_weights || (!gradients[0].defined() && !gradients[1].defined())) return out;
    const auto w = gradients[0].defined() ? gradients[0].contiguous() : torch::Tensor();
    const auto v = gradients[1].defined() ? gradients[1].contiguous() : torch::Tensor();
    const Derivatives given{w.defined() ? float_data(w) : nullptr, v.defined() ? float_data(v) : nullptr};
    const PackedChain layers(tensors, activation, Passes::both, saved_products(*ctx), packed);
    const HiddenValues at(layers, x.size(0));
    const GradientSlab slab(layers);
    const int64_t parts = thread_count(x.size(0));
    const auto sums = torch::empty({parts, slab.size}, x.options().requires_grad(false));
    for_parts(x.size(0), parts, [&](int64_t part, int64_t begin, int64_t end) {
      float* sum = float_data(sums) + part * slab.size;
      std::fill_n(sum + slab.weights.back(), slab.size - slab.weights.back(), 0.0F);
      derivative_rows(layers, at, slab, float_data(x), float_data(memory), given, sum, begin, end);
    });
    slab.unpack(parts == 1 ? sums[0] : sums.sum(0), layers, out.begin() + 1);
    return out;
  }

 private:
  /// By differentiable operators: for a second derivative, and for the derivative of the gradient in x.
  static variable_list by_reference(const torch::Tensor& x, const variable_list& tensors, Activation activation,
                                    const variable_list& gradients, bool wants_input, bool wants_weights) {
    const bool again = at::GradMode::is_enabled();
    const at::AutoGradMode record(true);
    const auto outputs = reference_value_and_gradient(x, chain_from(tensors, activation));
    variable_list of, from, tops;
    if (wants_input) of.push_back(x);
    if (wants_weights) of.insert(of.end(), tensors.begin(), tensors.end());
    if (gradients[0].defined()) from.push_back(outputs.value_B), tops.push_back(gradients[0]);
    if (gradients[1].defined()) from.push_back(outputs.gradient_BD), tops.push_back(gradients[1]);
    const auto found = torch::autograd::grad(from, of, tops, /*retain_graph=*/again, /*create_graph=*/again,
                                             /*allow_unused=*/true);  // the last bias does not move the gradient
    variable_list out(tensors.size() + 3);
    if (wants_input) out[0] = found[0];
    if (wants_weights) std::copy(found.begin() + (wants_input ? 1 : 0), found.end(), out.begin() + 1);
    return out;
  }
};

}  // namespace

ValueAndGradient reference_value_and_gradient(const torch::Tensor& x, const Chain& chain) {
  const size_t hidden = chain.weights.size() - 1;
  std::vector<torch::Tensor> slopes;
  auto h = x;
  for (size_t l = 0; l < hidden; ++l) {
    const auto z = torch::linear(h, chain.weights[l], chain.biases[l]);
    slopes.push_back(activation_slope(chain.activation, z));
    h = activate(chain.activation, z);
  }
  const auto value = torch::linear(h, chain.weights[hidden], chain.biases[hidden]).squeeze(1);
  auto up = chain.weights[hidden].expand({x.size(0), -1});
  for (size_t l = hidden; l-- > 0;) up = torch::matmul(up * slopes[l], chain.weights[l]);
  return {value, up};
}

ValueAndGradient fused_value_and_gradient(const torch::Tensor& x, const Chain& chain) {
  const auto input = x.contiguous();
  const auto tensors = tensors_of(chain);
  if (!fused_passes_take(input, tensors)) return reference_value_and_gradient(x, chain);
  const auto wants = [](const torch::Tensor& t) { return t.requires_grad(); };
  const bool trains = std::any_of(tensors.begin(), tensors.end(), wants);
  // The fused node computes the gradients of all parameters or of none.
  if (trains && at::GradMode::is_enabled() && !std::all_of(tensors.begin(), tensors.end(), wants))
    return reference_value_and_gradient(x, chain);
  const bool records = at::GradMode::is_enabled() && (trains || input.requires_grad());
  const auto out =
      FusedValueAndGradient::apply(input, at::TensorList(tensors), static_cast<int64_t>(chain.activation), records);
  return {out[0], out[1]};
}

}  // namespace monge::nn

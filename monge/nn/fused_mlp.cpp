#include "monge/nn/fused_mlp.h"

#include <torch/autograd.h>

#include <algorithm>

#include "monge/nn/packed_chain.h"
#include "monge/nn/workspace.h"

namespace monge::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The values of all layers of a batch in one tensor: each hidden layer's output and, unless it gives them, the slopes.
struct Kept {
  Kept(const PackedChain& layers, int64_t rows) {
    for (size_t l = 0; l + 1 < layers.all.size(); ++l) {
      at.push_back(size);
      size += whole_vectors(rows * layers.all[l].out);
      slopes_at.push_back(layers.keeps_slopes ? size : at.back());
      if (layers.keeps_slopes) size += whole_vectors(rows * layers.all[l].out);
    }
  }
  std::vector<int64_t> at, slopes_at;
  int64_t size = 0;
};

/// Runs the chain for some rows and writes its values to `kept` from row `first` on.
void forward_rows(const PackedChain& layers, const Kept& kept, float* memory, bool wants_slopes, const float* x,
                  float* y, int64_t first, int64_t rows) {
  const float* below = x;
  for (size_t l = 0; l + 1 < layers.all.size(); ++l) {
    const int64_t from = first * layers.all[l].out;
    float* h = memory + kept.at[l] + from;
    hidden_pass(layers.all[l], layers.activation, below, h,
                wants_slopes && layers.keeps_slopes ? memory + kept.slopes_at[l] + from : nullptr, rows);
    below = h;
  }
  output_pass(layers.all.back(), below, y, rows);
}

/// Runs the chain without a graph.
torch::Tensor values(const torch::Tensor& x, const PackedChain& layers) {
  const int64_t in = layers.all.front().in, out = layers.all.back().out;
  auto output = torch::empty({x.size(0), out}, x.options().requires_grad(false));
  layers.for_blocks(x.size(0), [&](int64_t begin, int64_t end) {
    const int64_t rows = end - begin, side = whole_vectors(rows * layers.widest);
    float* memory = workspace(2 * side);
    const float* below = float_data(x) + begin * in;
    for (size_t l = 0; l + 1 < layers.all.size(); ++l) {
      float* h = memory + (l % 2 == 0 ? 0 : side);
      hidden_pass(layers.all[l], layers.activation, below, h, nullptr, rows);
      below = h;
    }
    output_pass(layers.all.back(), below, float_data(output) + begin * out, rows);
  });
  return output;
}

/// Computes the gradients by differentiable operators, for a second derivative. `tensors`: weights, then biases.
variable_list differentiable(const torch::Tensor& x, const variable_list& tensors, Activation activation,
                             const torch::Tensor& gradient, bool wants_input, bool wants_weights) {
  const auto output = reference_chain(x, chain_from(tensors, activation));
  variable_list of;
  if (wants_input) of.push_back(x);
  if (wants_weights) of.insert(of.end(), tensors.begin(), tensors.end());
  const auto found = torch::autograd::grad({output}, of, {gradient}, /*retain_graph=*/true, /*create_graph=*/true);
  variable_list out(tensors.size() + 2);
  if (wants_input) out[0] = found[0];
  if (wants_weights) std::copy(found.begin() + (wants_input ? 1 : 0), found.end(), out.begin() + 1);
  return out;
}

/// A chain to one number whose weights need no gradient: a potential in an update of the map. The forward pass computes
/// the gradient of the input while a block is in the cache, and stores nothing else.
class ValueWithGradient : public torch::autograd::Function<ValueWithGradient> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, at::TensorList tensors,
                               int64_t activation) {
    const PackedChain layers(tensors, static_cast<Activation>(activation), Passes::both);
    const auto options = x.options().requires_grad(false);
    auto output = torch::empty({x.size(0), 1}, options), gradient = torch::empty(x.sizes(), options);
    const int64_t in = layers.all.front().in;
    layers.for_blocks(x.size(0), [&](int64_t begin, int64_t end) {
      const int64_t rows = end - begin, side = whole_vectors(rows * layers.widest);
      const Kept kept(layers, rows);
      float* memory = workspace(kept.size + 2 * side);
      forward_rows(layers, kept, memory, true, float_data(x) + begin * in, float_data(output) + begin, 0, rows);
      float* up = memory + kept.size;
      float* down = up + side;
      std::fill_n(up, rows, 1.0F);
      for (size_t l = layers.all.size() - 1; l > 0; --l) {
        hidden_gradient(layers.all[l], layers.activation, up, memory + kept.slopes_at[l - 1], down, nullptr, rows);
        std::swap(up, down);
      }
      input_gradient(layers.all.front(), up, float_data(gradient) + begin * in, rows);
    });
    variable_list saved{gradient, x};
    saved.insert(saved.end(), tensors.begin(), tensors.end());
    ctx->save_for_backward(saved);
    ctx->saved_data["activation"] = activation;
    return output;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const variable_list tensors(saved.begin() + 2, saved.end());
    if (at::GradMode::is_enabled()) {
      return differentiable(saved[1], tensors, static_cast<Activation>(ctx->saved_data["activation"].toInt()),
                            gradients[0], true, false);
    }
    variable_list out(tensors.size() + 2);
    out[0] = saved[0] * gradients[0];
    return out;
  }
};

class FusedChain : public torch::autograd::Function<FusedChain> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, at::TensorList tensors,
                               int64_t activation) {
    const PackedChain layers(tensors, static_cast<Activation>(activation), Passes::forward);
    const Kept kept(layers, x.size(0));
    const auto options = x.options().requires_grad(false);
    const int64_t in = layers.all.front().in, out = layers.all.back().out;
    auto output = torch::empty({x.size(0), out}, options), memory = torch::empty({kept.size}, options);
    layers.for_blocks(x.size(0), [&](int64_t begin, int64_t end) {
      forward_rows(layers, kept, float_data(memory), true, float_data(x) + begin * in, float_data(output) + begin * out,
                   begin, end - begin);
    });
    variable_list saved{x, memory};
    saved.insert(saved.end(), tensors.begin(), tensors.end());
    ctx->save_for_backward(saved);
    ctx->saved_data["activation"] = activation;
    ctx->saved_data["products"] = static_cast<int64_t>(layers.products);
    return output;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &memory = saved[1];
    const variable_list tensors(saved.begin() + 2, saved.end());
    const auto activation = static_cast<Activation>(ctx->saved_data["activation"].toInt());
    const bool wants_input = ctx->needs_input_grad(0), wants_weights = ctx->needs_input_grad(1);
    if (at::GradMode::is_enabled())
      return differentiable(x, tensors, activation, gradients[0], wants_input, wants_weights);

    const auto top = gradients[0].contiguous();
    const PackedChain layers(tensors, activation, Passes::backward, saved_products(*ctx));
    const Kept kept(layers, x.size(0));
    const int64_t parts = thread_count(x.size(0));  // not more parts, because each needs the memory of a slab
    const GradientSlab slab(layers);
    const auto options = x.options().requires_grad(false);
    variable_list out(tensors.size() + 2);
    if (wants_input) out[0] = torch::empty(x.sizes(), options);
    const auto sums = wants_weights ? torch::empty({parts, slab.size}, options) : torch::Tensor();
    for_parts(x.size(0), parts, [&](int64_t part, int64_t begin, int64_t end) {
      float* sum = wants_weights ? float_data(sums) + part * slab.size : nullptr;
      if (sum) std::fill_n(sum + slab.biases.front(), slab.size - slab.biases.front(), 0.0F);
      backward_rows(layers, kept, slab, float_data(x), float_data(memory), float_data(top), sum,
                    wants_input ? float_data(out[0]) : nullptr, begin, end);
    });
    if (!wants_weights) return out;
    // Sums in the order of the parts, so that the result does not depend on timing.
    const auto sum = parts == 1 ? sums[0] : sums.sum(0);
    slab.unpack(sum, layers, out.begin() + 1);
    return out;
  }

 private:
  /// Adds the gradients of rows [begin, end) to `sum` (unless null; its biases begin at zero) and writes the input's.
  static void backward_rows(const PackedChain& layers, const Kept& kept, const GradientSlab& slab, const float* x,
                            const float* memory, const float* top, float* sum, float* input, int64_t begin,
                            int64_t end) {
    const int64_t step = std::min(layers.block_rows(), end - begin), side = whole_vectors(step * layers.widest);
    float* scratch = workspace(2 * side);
    for (int64_t at = begin; at < end; at += step) {
      const int64_t rows = std::min(step, end - at);
      const float* up = top + at * layers.all.back().out;
      if (sum) add_rows(up, rows, layers.all.back().out, sum + slab.biases.back());
      for (size_t l = layers.all.size(); l-- > 0;) {
        const auto& layer = layers.all[l];
        const float* below = l == 0 ? x + at * layer.in : memory + kept.at[l - 1] + at * layer.in;
        if (sum) weight_gradient(layer, up, below, sum + slab.weights[l], rows, /*accumulate=*/at != begin);
        if (l == 0) {
          if (input) input_gradient(layer, up, input + at * layer.in, rows);
          break;
        }
        float* down = scratch + (l % 2 == 0 ? 0 : side);
        hidden_gradient(layer, layers.activation, up, memory + kept.slopes_at[l - 1] + at * layer.in, down,
                        sum ? sum + slab.biases[l - 1] : nullptr, rows);
        up = down;
      }
    }
  }
};

}  // namespace

torch::Tensor reference_chain(const torch::Tensor& x, const Chain& chain) {
  auto h = x;
  for (size_t l = 0; l < chain.weights.size(); ++l) {
    if (l > 0) h = activate(chain.activation, h);
    h = torch::linear(h, chain.weights[l], chain.biases[l]);
  }
  return h;
}

torch::Tensor fused_chain(const torch::Tensor& x, const Chain& chain) {
  const auto input = x.contiguous();
  const auto tensors = tensors_of(chain);
  if (!fused_passes_take(input, tensors)) return reference_chain(x, chain);
  const auto wants = [](const torch::Tensor& t) { return t.requires_grad(); };
  const bool trains = std::any_of(tensors.begin(), tensors.end(), wants);
  // The fused node computes the gradients of all parameters or of none. If a part of them is frozen, LibTorch runs.
  if (trains && at::GradMode::is_enabled() && !std::all_of(tensors.begin(), tensors.end(), wants))
    return reference_chain(x, chain);
  const auto activation = static_cast<int64_t>(chain.activation);
  if (!at::GradMode::is_enabled() || (!trains && !input.requires_grad()))
    return values(input, PackedChain(tensors, chain.activation, Passes::forward));
  if (!trains && chain.weights.back().size(0) == 1)
    return ValueWithGradient::apply(input, at::TensorList(tensors), activation);
  return FusedChain::apply(input, at::TensorList(tensors), activation);
}

}  // namespace monge::nn

#include "monge/nn/fused_mlp.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/autograd.h>

#include <algorithm>
#include <map>
#include <mutex>

namespace monge::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Weights, biases and activation as the passes want them.
struct Layers {
  explicit Layers(at::TensorList tensors, Activation kind)
      : count(tensors.size() / 2),
        weights(tensors.begin(), tensors.begin() + static_cast<std::ptrdiff_t>(count)),
        biases(tensors.begin() + static_cast<std::ptrdiff_t>(count), tensors.end()),
        activation(kind),
        keeps_slopes(!slope_from_value(kind)) {}

  int64_t width(size_t layer) const { return weights[layer].size(0); }

  size_t count;
  std::vector<torch::Tensor> weights, biases;
  Activation activation;
  bool keeps_slopes;
};

/// Rows that go through all layers together: as many as keep the widest layer at 512 KiB, a quarter of a core's second
/// cache where this was measured. Fewer make the products slow (128 KiB: 295 ms for 259 at 3 x 512), more leave the
/// cache.
int64_t block_rows(const Layers& layers) {
  int64_t widest = 1;
  for (size_t l = 0; l < layers.count; ++l) widest = std::max(widest, layers.width(l));
  return std::clamp<int64_t>((int64_t{512} << 10) / (4 * widest), 64, 1024);
}

/// Calls work(begin, end) for as many parts of the rows as there are threads.
template <class Work>
void for_row_parts(int64_t rows, const Work& work) {
  const int64_t threads = at::in_parallel_region() ? 1 : std::min<int64_t>(at::get_num_threads(), rows);
  const int64_t part = (rows + threads - 1) / threads;
  at::parallel_for(0, threads, 1, [&](int64_t first, int64_t last) {
    const c10::InferenceMode no_graph;  // a flag of the thread, so it is set in each
    for (int64_t t = first; t < last; ++t) {
      const int64_t begin = t * part, end = std::min(rows, begin + part);
      if (begin < end) work(begin, end);
    }
  });
}

float* data(const torch::Tensor& t) { return t.data_ptr<float>(); }

/// One block's values: what each layer is given, and the slopes of the activations before it.
struct Block {
  std::vector<torch::Tensor> inputs;  ///< of layer l, [rows, in]
  std::vector<torch::Tensor> slopes;  ///< before layer l + 1, or the values themselves where they tell the slope
};

/// Through all layers but the last; `block` has the memory.
void hidden_pass(const Layers& layers, const Block& block, bool wants_slopes) {
  for (size_t l = 0; l + 1 < layers.count; ++l) {
    auto to = block.inputs[l + 1];
    at::mm_out(to, block.inputs[l], layers.weights[l].t());
    add_bias_and_activate(layers.activation, data(to),
                          wants_slopes && layers.keeps_slopes ? data(block.slopes[l]) : nullptr, data(layers.biases[l]),
                          to.size(0), to.size(1));
  }
}

/// A block's memory of its own, for a pass that keeps nothing.
Block scratch(const Layers& layers, int64_t rows, const at::TensorOptions& options, bool wants_slopes) {
  Block out{{torch::Tensor()}, {}};
  for (size_t l = 0; l + 1 < layers.count; ++l) {
    out.inputs.push_back(torch::empty({rows, layers.width(l)}, options));
    out.slopes.push_back(wants_slopes && layers.keeps_slopes ? torch::empty({rows, layers.width(l)}, options)
                                                             : out.inputs.back());
  }
  return out;
}

/// The first `rows` rows of a block's memory, with its input.
Block narrowed(const Block& block, int64_t begin, int64_t rows) {
  Block out;
  for (const auto& t : block.inputs) out.inputs.push_back(t.defined() ? t.narrow(0, begin, rows) : t);
  for (const auto& t : block.slopes) out.slopes.push_back(t.narrow(0, begin, rows));
  return out;
}

/// The chain without a graph.
torch::Tensor values(const torch::Tensor& x, const Layers& layers) {
  auto output = torch::empty({x.size(0), layers.width(layers.count - 1)}, x.options());
  for_row_parts(x.size(0), [&](int64_t begin, int64_t end) {
    const int64_t step = std::min(block_rows(layers), end - begin);
    const auto memory = scratch(layers, step, x.options(), /*wants_slopes=*/false);
    for (int64_t at = begin; at < end; at += step) {
      const int64_t rows = std::min(step, end - at);
      auto block = narrowed(memory, 0, rows);
      block.inputs[0] = x.narrow(0, at, rows);
      hidden_pass(layers, block, /*wants_slopes=*/false);
      auto part = output.narrow(0, at, rows);
      at::addmm_out(part, layers.biases.back(), block.inputs.back(), layers.weights.back().t());
    }
  });
  return output;
}

/// The gradients by differentiable operators, for a second derivative. `tensors`: weights, then biases.
variable_list differentiable(const torch::Tensor& x, const variable_list& tensors, Activation activation,
                             const torch::Tensor& gradient, bool wants_input, bool wants_weights) {
  const auto middle = tensors.begin() + static_cast<std::ptrdiff_t>(tensors.size() / 2);
  const auto output = plain_chain(x, {{tensors.begin(), middle}, {middle, tensors.end()}, activation});
  variable_list of;
  if (wants_input) of.push_back(x);
  if (wants_weights) of.insert(of.end(), tensors.begin(), tensors.end());
  const auto found = torch::autograd::grad({output}, of, {gradient}, /*retain_graph=*/true, /*create_graph=*/true);
  variable_list out(tensors.size() + 2);
  if (wants_input) out[0] = found[0];
  if (wants_weights) std::copy(found.begin() + (wants_input ? 1 : 0), found.end(), out.begin() + 1);
  return out;
}

/// A chain to one number whose weights want no gradient: a potential in an update of the map. Its gradient at the input
/// is found in the forward pass, while a block is in the cache, and nothing else is kept.
class ValueWithGradient : public torch::autograd::Function<ValueWithGradient> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, at::TensorList tensors,
                               int64_t activation) {
    const Layers layers(tensors, static_cast<Activation>(activation));
    auto output = torch::empty({x.size(0), 1}, x.options()), gradient = torch::empty_like(x);
    for_row_parts(x.size(0), [&](int64_t begin, int64_t end) {
      const int64_t step = std::min(block_rows(layers), end - begin);
      const auto memory = scratch(layers, step, x.options(), /*wants_slopes=*/true);
      const auto gradients = scratch(layers, step, x.options(), /*wants_slopes=*/false);
      for (int64_t at = begin; at < end; at += step) {
        const int64_t rows = std::min(step, end - at);
        auto block = narrowed(memory, 0, rows), down = narrowed(gradients, 0, rows);
        block.inputs[0] = x.narrow(0, at, rows);
        down.inputs[0] = gradient.narrow(0, at, rows);
        hidden_pass(layers, block, /*wants_slopes=*/true);
        auto part = output.narrow(0, at, rows);
        at::addmm_out(part, layers.biases.back(), block.inputs.back(), layers.weights.back().t());
        down.inputs.back().copy_(layers.weights.back().expand({rows, -1}));
        for (size_t l = layers.count - 1; l-- > 0;) {
          const auto& above = down.inputs[l + 1];
          chain_activation(layers.activation, data(above), data(block.slopes[l]), nullptr, rows, above.size(1));
          at::mm_out(down.inputs[l], above, layers.weights[l]);
        }
      }
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
    const Layers layers(tensors, static_cast<Activation>(activation));
    auto output = torch::empty({x.size(0), layers.width(layers.count - 1)}, x.options());
    auto kept = scratch(layers, x.size(0), x.options(), /*wants_slopes=*/true);
    kept.inputs[0] = x;
    for_row_parts(x.size(0), [&](int64_t begin, int64_t end) {
      const int64_t step = block_rows(layers);
      for (int64_t at = begin; at < end; at += step) {
        const int64_t rows = std::min(step, end - at);
        const auto block = narrowed(kept, at, rows);
        hidden_pass(layers, block, /*wants_slopes=*/true);
        auto part = output.narrow(0, at, rows);
        at::addmm_out(part, layers.biases.back(), block.inputs.back(), layers.weights.back().t());
      }
    });
    variable_list saved(tensors.begin(), tensors.end());
    saved.insert(saved.end(), kept.inputs.begin(), kept.inputs.end());
    saved.insert(saved.end(), kept.slopes.begin(), kept.slopes.end());
    ctx->save_for_backward(saved);
    ctx->saved_data["activation"] = activation;
    return output;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto count =
        static_cast<std::ptrdiff_t>((saved.size() + 1) / 4);  // weights, biases, inputs, and one less of slopes
    const variable_list tensors(saved.begin(), saved.begin() + 2 * count);
    const Layers layers(tensors, static_cast<Activation>(ctx->saved_data["activation"].toInt()));
    const Block kept{{saved.begin() + 2 * count, saved.begin() + 3 * count}, {saved.begin() + 3 * count, saved.end()}};
    const bool wants_input = ctx->needs_input_grad(0), wants_weights = ctx->needs_input_grad(1);
    if (at::GradMode::is_enabled()) {
      return differentiable(kept.inputs[0], tensors, layers.activation, gradients[0], wants_input, wants_weights);
    }
    const auto top = gradients[0].contiguous();
    variable_list out(tensors.size() + 2);
    if (wants_input) out[0] = torch::empty_like(kept.inputs[0]);
    std::mutex guard;
    std::map<int64_t, variable_list> parts;  // by their first row, to be added in this order whoever is ready first
    for_row_parts(top.size(0), [&](int64_t begin, int64_t end) {
      const int64_t step = std::min(block_rows(layers), end - begin);
      auto memory = scratch(layers, step, top.options(), /*wants_slopes=*/false);
      variable_list sums;
      if (wants_weights) {
        for (const auto& tensor : tensors) sums.push_back(torch::zeros_like(tensor));
      }
      for (int64_t at = begin; at < end; at += step) {
        const int64_t rows = std::min(step, end - at);
        const auto block = narrowed(kept, at, rows);
        auto down = narrowed(memory, 0, rows);
        if (wants_input) down.inputs[0] = out[0].narrow(0, at, rows);
        auto gradient = top.narrow(0, at, rows);
        if (wants_weights) sums.back() += gradient.sum(0);
        for (size_t l = layers.count; l-- > 0;) {
          if (wants_weights) sums[l].addmm_(gradient.t(), block.inputs[l]);
          if (l == 0 && !wants_input) break;
          at::mm_out(down.inputs[l], gradient, layers.weights[l]);
          gradient = down.inputs[l];
          if (l > 0) {
            chain_activation(layers.activation, data(gradient), data(block.slopes[l - 1]),
                             wants_weights ? data(sums[layers.count + l - 1]) : nullptr, rows, gradient.size(1));
          }
        }
      }
      const std::lock_guard lock(guard);
      parts.emplace(begin, std::move(sums));
    });
    for (const auto& [begin, sums] : parts) {
      for (size_t i = 0; i < sums.size(); ++i)
        out[1 + i] = out[1 + i].defined() ? out[1 + i].add_(sums[i]) : sums[i].clone();
    }
    return out;
  }
};

bool takes(const torch::Tensor& x, const Chain& chain) {
  const auto fits = [](const torch::Tensor& t) {
    return t.is_cpu() && t.scalar_type() == torch::kFloat32 && t.is_contiguous();
  };
  if (!fits(x) || x.dim() != 2 || x.size(0) == 0) return false;
  return std::all_of(chain.weights.begin(), chain.weights.end(), fits) &&
         std::all_of(chain.biases.begin(), chain.biases.end(), fits);
}

}  // namespace

torch::Tensor plain_chain(const torch::Tensor& x, const Chain& chain) {
  auto h = x;
  for (size_t l = 0; l < chain.weights.size(); ++l) {
    if (l > 0) h = activate(chain.activation, h);
    h = torch::linear(h, chain.weights[l], chain.biases[l]);
  }
  return h;
}

torch::Tensor fused_chain(const torch::Tensor& x, const Chain& chain) {
  const auto input = x.contiguous();
  if (!takes(input, chain)) return plain_chain(x, chain);
  auto tensors = chain.weights;
  tensors.insert(tensors.end(), chain.biases.begin(), chain.biases.end());
  const bool trains =
      std::any_of(tensors.begin(), tensors.end(), [](const torch::Tensor& t) { return t.requires_grad(); });
  const auto activation = static_cast<int64_t>(chain.activation);
  if (!at::GradMode::is_enabled() || (!trains && !input.requires_grad()))
    return values(input, Layers(tensors, chain.activation));
  if (!trains && chain.weights.back().size(0) == 1)
    return ValueWithGradient::apply(input, at::TensorList(tensors), activation);
  return FusedChain::apply(input, at::TensorList(tensors), activation);
}

}  // namespace monge::nn

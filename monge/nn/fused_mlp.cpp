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
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// Calls work(begin, end) for as many parts of the rows as there are threads.
template <class Work>
void for_row_parts(int64_t rows, const Work& work) {
  const int64_t threads = at::in_parallel_region() ? 1 : std::min<int64_t>(at::get_num_threads(), rows);
  const int64_t part = (rows + threads - 1) / std::max<int64_t>(threads, 1);
  at::parallel_for(0, threads, 1, [&](int64_t first, int64_t last) {
    const c10::InferenceMode no_graph;  // a flag of the thread, so it is set in each
    for (int64_t t = first; t < last; ++t) {
      const int64_t begin = t * part, end = std::min(rows, begin + part);
      if (begin < end) work(begin, end);
    }
  });
}

float* row(const torch::Tensor& matrix, int64_t index) { return matrix.data_ptr<float>() + index * matrix.size(1); }

/// The rows [begin, end) as a matrix of their own over the same memory.
torch::Tensor rows_of(const torch::Tensor& matrix, int64_t begin, int64_t end) { return matrix.narrow(0, begin, end - begin); }

/// What a backward pass needs of a forward one.
struct Pass {
  std::vector<torch::Tensor> values;  ///< the input of each layer, [B, in]
  std::vector<torch::Tensor> slopes;  ///< act' before each layer but the first, [B, in]
  torch::Tensor output;
};

Pass forward_pass(const torch::Tensor& x, const std::vector<torch::Tensor>& weights, const std::vector<torch::Tensor>& biases,
                  Activation activation, bool keep) {
  const int64_t rows = x.size(0);
  const size_t layers = weights.size();
  Pass pass;
  pass.values.push_back(x);
  for (size_t l = 0; l < layers; ++l) {
    const auto made = torch::empty({rows, weights[l].size(0)}, x.options());
    if (l + 1 == layers) {
      pass.output = made;
    } else {
      pass.values.push_back(made);
      if (keep) pass.slopes.push_back(torch::empty_like(made));
    }
  }
  for_row_parts(rows, [&](int64_t begin, int64_t end) {
    for (size_t l = 0; l < layers; ++l) {
      const bool last = l + 1 == layers;
      const auto& to = last ? pass.output : pass.values[l + 1];
      auto part = rows_of(to, begin, end);
      const auto from = rows_of(pass.values[l], begin, end);
      if (last) {
        at::addmm_out(part, biases[l], from, weights[l].t());
      } else {
        at::mm_out(part, from, weights[l].t());
        add_bias_and_activate(activation, row(to, begin), keep ? row(pass.slopes[l], begin) : nullptr, biases[l].data_ptr<float>(),
                              end - begin, to.size(1));
      }
    }
  });
  return pass;
}

class FusedChain : public torch::autograd::Function<FusedChain> {
 public:
  /// @param tensors  weights, then biases.
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, const std::vector<torch::Tensor>& tensors, int64_t activation) {
    const size_t layers = tensors.size() / 2;
    const std::vector<torch::Tensor> weights(tensors.begin(), tensors.begin() + static_cast<std::ptrdiff_t>(layers)),
        biases(tensors.begin() + static_cast<std::ptrdiff_t>(layers), tensors.end());
    auto pass = forward_pass(x, weights, biases, static_cast<Activation>(activation), /*keep=*/true);
    variable_list saved(tensors);
    saved.insert(saved.end(), pass.values.begin(), pass.values.end());
    saved.insert(saved.end(), pass.slopes.begin(), pass.slopes.end());
    ctx->save_for_backward(saved);
    ctx->saved_data["activation"] = activation;
    return pass.output;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const size_t layers = (saved.size() + 1) / 4;  // weights, biases, values, and one less of slopes
    const auto* weights = saved.data();
    const auto* values = weights + 2 * layers;
    const auto* slopes = values + layers;
    const bool wants_input = ctx->needs_input_grad(0);
    const bool wants_weights = ctx->needs_input_grad(1);
    variable_list out(2 * layers + 2);
    if (at::GradMode::is_enabled()) return differentiable(ctx, saved, layers, gradients[0], wants_input, wants_weights);

    const auto top = gradients[0].contiguous();
    const int64_t rows = top.size(0);
    if (wants_input) out[0] = torch::empty_like(values[0]);
    if (wants_weights) {
      for (size_t l = 0; l < layers; ++l) {
        out[1 + l] = torch::zeros_like(weights[l]);
        out[1 + layers + l] = torch::zeros({weights[l].size(0)}, top.options());
      }
    }
    std::mutex guard;
    std::map<int64_t, variable_list> parts;  // by their first row, to be added in this order whoever is ready first
    for_row_parts(rows, [&](int64_t begin, int64_t end) {
      const int64_t count = end - begin;
      const bool alone = count == rows;  // then sums go straight to where they belong
      variable_list sums(2 * layers);
      auto gradient = rows_of(top, begin, end);
      if (wants_weights) {
        for (size_t l = 0; l < layers; ++l) {
          sums[l] = alone ? out[1 + l] : torch::empty_like(weights[l]);
          sums[layers + l] = alone ? out[1 + layers + l] : torch::zeros_like(out[1 + layers + l]);
        }
        sums[2 * layers - 1].copy_(gradient.sum(0));
      }
      for (size_t l = layers; l-- > 0;) {
        if (wants_weights) at::mm_out(sums[l], gradient.t(), rows_of(values[l], begin, end));
        if (l == 0 && !wants_input) break;
        auto below = l == 0 ? rows_of(out[0], begin, end) : torch::empty({count, weights[l].size(1)}, top.options());
        at::mm_out(below, gradient, weights[l]);
        if (l > 0) {
          chain_activation(below.data_ptr<float>(), row(slopes[l - 1], begin),
                           wants_weights ? sums[layers + l - 1].data_ptr<float>() : nullptr, count, below.size(1));
        }
        gradient = below;
      }
      if (!wants_weights || alone) return;
      const std::lock_guard lock(guard);
      parts.emplace(begin, std::move(sums));
    });
    for (const auto& [begin, sums] : parts) {
      for (size_t i = 0; i < sums.size(); ++i) out[1 + i] += sums[i];
    }
    return out;
  }

 private:
  /// The same gradients by differentiable operators, for a second derivative.
  static variable_list differentiable(AutogradContext* ctx, const variable_list& saved, size_t layers, const torch::Tensor& gradient,
                                      bool wants_input, bool wants_weights) {
    const auto at = [&](size_t begin) {
      return std::vector<torch::Tensor>(saved.begin() + static_cast<std::ptrdiff_t>(begin), saved.begin() + static_cast<std::ptrdiff_t>(begin + layers));
    };
    const Chain chain{at(0), at(layers), static_cast<Activation>(ctx->saved_data["activation"].toInt())};
    const auto& x = saved[2 * layers];
    const auto output = plain_chain(x, chain);
    variable_list of;
    if (wants_input) of.push_back(x);
    if (wants_weights) of.insert(of.end(), saved.begin(), saved.begin() + static_cast<std::ptrdiff_t>(2 * layers));
    const auto found = torch::autograd::grad({output}, of, {gradient}, /*retain_graph=*/true, /*create_graph=*/true);
    variable_list out(2 * layers + 2);
    if (wants_input) out[0] = found[0];
    if (wants_weights) std::copy(found.begin() + (wants_input ? 1 : 0), found.end(), out.begin() + 1);
    return out;
  }
};

bool takes(const torch::Tensor& x, const Chain& chain) {
  const auto fits = [](const torch::Tensor& t) { return t.is_cpu() && t.scalar_type() == torch::kFloat32 && t.is_contiguous(); };
  if (!fits(x) || x.dim() != 2 || x.size(0) == 0) return false;
  return std::all_of(chain.weights.begin(), chain.weights.end(), fits) && std::all_of(chain.biases.begin(), chain.biases.end(), fits);
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
  const auto needs = [](const torch::Tensor& t) { return t.requires_grad(); };
  const bool graph = at::GradMode::is_enabled() && (needs(input) || std::any_of(chain.weights.begin(), chain.weights.end(), needs) ||
                                                    std::any_of(chain.biases.begin(), chain.biases.end(), needs));
  if (!graph) return forward_pass(input, chain.weights, chain.biases, chain.activation, /*keep=*/false).output;
  auto tensors = chain.weights;
  tensors.insert(tensors.end(), chain.biases.begin(), chain.biases.end());
  return FusedChain::apply(input, tensors, static_cast<int64_t>(chain.activation));
}

}  // namespace monge::nn

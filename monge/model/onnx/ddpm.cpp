// The graph of the residual U-Net of denoising diffusion.
#include "monge/nn/ddpm.h"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/error.h"
#include "monge/model/onnx/layers.h"
#include "monge/model/onnx/net_graphs.h"
#include "monge/nn/ops/group_norm.h"

namespace monge::model::onnx {
namespace {

class DdpmGraph {
 public:
  DdpmGraph(Graph& graph, const nn::DdpmMap& net) : graph_(graph), options_(net.options()) {}

  Value build(const NetInputs& inputs) {
    const bool styled = options_.noise > 0 && options_.noise_vector;
    const auto input = styled ? inputs.x : with_noise(graph_, inputs);
    if (styled) {
      require(inputs.noise.has_value(), "onnx: the style of this map needs its noise");
      style_ = silu(graph_, linear(graph_, "style.second", silu(graph_, linear(graph_, "style.first", *inputs.noise))));
    }
    std::vector<Value> skips;
    auto h = convolution(graph_, "first", input);
    for (int64_t level = 0; level <= options_.depth; ++level) {
      h = blocks("down", level, level == 0 ? h : halve(h));
      skips.push_back(h);
    }
    if (options_.attention) h = attention(h);
    for (int64_t level = options_.depth - 1; level >= 0; --level)
      h = blocks("up", level, upsample_concat(graph_, skips[static_cast<size_t>(level)], h));
    auto y = convolution(graph_, "last", silu(graph_, norm("norm", h)));
    if (options_.residual) y = graph_.add(graph_.slice(input, 1, 0, options_.out), y);
    return bound_output(graph_, options_.output, y);
  }

 private:
  Value norm(const std::string& key, const Value& x) {
    const int64_t channels = graph_.tensor(key + ".weight").size(0);
    return group_norm(graph_, key, x, nn::ddpm_norm_groups(channels), nn::ops::GroupNorm().eps);
  }

  Value halve(const Value& x) {
    const std::vector<int64_t> square{2, 2};
    return graph_.node("AveragePool", {x}, {{"kernel_shape", square}, {"strides", square}, {"ceil_mode", int64_t{1}}});
  }

  Value blocks(const char* way, int64_t level, Value x) {
    for (int64_t i = 0; i < options_.blocks; ++i) x = block(text(way, '_', level, '_', i), x);
    return x;
  }

  Value block(const std::string& key, const Value& x) {
    auto h = convolution(graph_, key + ".conv_0", silu(graph_, norm(key + ".norm_0", x)));
    const int64_t channels = graph_.tensor(key + ".conv_0.weight").size(0);
    h = norm(key + ".norm_1", h);
    if (style_) {
      const auto both = graph_.reshape(linear(graph_, key + ".modulation", *style_), {0, -1, 1, 1});
      const auto scale = graph_.slice(both, 1, 0, channels), shift = graph_.slice(both, 1, channels, 2 * channels);
      h = graph_.add(graph_.multiply(h, graph_.add(scale, graph_.scalar(1))), shift);
    }
    h = convolution(graph_, key + ".conv_1", silu(graph_, h));
    const bool skip = graph_.has(key + ".skip.weight");
    return mean_branch(graph_, h, skip ? convolution(graph_, key + ".skip", x) : x);
  }

  Value attention(const Value& x) {
    const int64_t channels = graph_.tensor("attention.weight").size(0);
    const auto normal = group_norm(graph_, "attention", x, nn::ops::group_count(channels), nn::ops::GroupNorm().eps);
    const auto tokens = graph_.transpose(graph_.reshape(normal, {0, 0, -1}), {0, 2, 1});  // [B, HW, C]
    const auto all = linear_of_tokens(graph_, "attention.query_key_value", tokens);
    const auto part = [&](int64_t i) { return graph_.slice(all, 2, i * channels, (i + 1) * channels); };
    const auto query = graph_.scaled(part(0), 1 / std::sqrt(static_cast<double>(channels)));
    const auto products = graph_.matrix_product(query, graph_.transpose(part(1), {0, 2, 1}));
    const auto weights = graph_.node("Softmax", {products}, {{"axis", int64_t{2}}});
    const auto found = linear_of_tokens(graph_, "attention.project", graph_.matrix_product(weights, part(2)));
    const auto image = graph_.node("Reshape", {graph_.transpose(found, {0, 2, 1}), graph_.shape(x, 0, 4)});
    return mean_branch(graph_, x, image);
  }

  Graph& graph_;
  const nn::DdpmMapOptions& options_;
  std::optional<Value> style_;
};

}  // namespace

Value build_ddpm(Graph& graph, const nn::DdpmMap& net, const NetInputs& inputs) {
  return DdpmGraph(graph, net).build(inputs);
}

}  // namespace monge::model::onnx

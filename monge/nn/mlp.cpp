#include "monge/nn/mlp.h"

#include <torch/nn/init.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/nn/fused_gradient.h"
#include "monge/nn/fused_mlp.h"

namespace monge::nn {
namespace {

constexpr int64_t most_width = 65'536;

void check_width(const char* key, int64_t width) {
  require(width >= 1 && width <= most_width, "mlp: ", key, " = ", width, " (allowed: 1..", most_width, ")");
}

/// Registers the layers in `net`.
std::vector<torch::nn::Linear> make_layers(torch::nn::Module& net, int64_t in, int64_t out, const MlpOptions& options) {
  activation_named(options.activation);
  std::vector<torch::nn::Linear> layers;
  auto widths = options.hidden;
  widths.push_back(out);
  for (const int64_t width : widths) {
    check_width("hidden", width);
    layers.push_back(net.register_module(std::to_string(2 * layers.size()), torch::nn::Linear(in, width)));
    in = width;
  }
  if (options.zero_last) {
    torch::nn::init::zeros_(layers.back()->weight);
    torch::nn::init::zeros_(layers.back()->bias);
  }
  return layers;
}

Chain chain_of(const std::vector<torch::nn::Linear>& layers, const MlpOptions& options) {
  Chain out{.weights = {}, .biases = {}, .activation = activation_named(options.activation)};
  for (const auto& layer : layers) {
    out.weights.push_back(layer->weight);
    out.biases.push_back(layer->bias);
  }
  return out;
}

torch::Tensor run(const std::vector<torch::nn::Linear>& layers, const MlpOptions& options, const torch::Tensor& x) {
  const auto chain = chain_of(layers, options);
  return options.fused ? fused_chain(x, chain) : reference_chain(x, chain);
}

}  // namespace

MlpMap::MlpMap(const MlpMapOptions& options) : options_(options) {
  check_width("in", options.in);
  check_width("out", options.out);
  require(!options.residual || options.in >= options.out, "mlp: residual adds the first ", options.out,
          " entries of the input to the output, but there are only ", options.in, "; set residual = false");
  layers_ = make_layers(*this, options.in, options.out, options.mlp);
}

torch::Tensor MlpMap::forward(const torch::Tensor& input) {
  require(input.dim() == 2 && input.size(1) == options_.in, "mlp map: the input must be [B, ", options_.in,
          "] (the vector, then its noise); got ", input.sizes());
  const auto y = run(layers_, options_.mlp, input);
  return options_.residual ? input.narrow(1, 0, options_.out) + y : y;
}

MlpPotential::MlpPotential(const MlpPotentialOptions& options) : options_(options) {
  check_width("dim", options.dim);
  if (conditional()) embedding_ = register_module("embedding", std::make_shared<NoiseEmbedding>(options.noise));
  layers_ = make_layers(*this, options.dim + options.noise.channels, 1, options.mlp);
  if (options.quadratic) {
    const auto quadratic = register_module("quadratic", std::make_shared<torch::nn::Module>());
    A_ = quadratic->register_parameter("A", torch::zeros({options.dim, options.dim}));
    b_ = quadratic->register_parameter("b", torch::zeros({options.dim}));
  }
}

torch::Tensor MlpPotential::forward(const torch::Tensor& y, const torch::Tensor& sigma) {
  require(y.dim() == 2 && y.size(1) == options_.dim, "mlp potential: the vectors must be [B, ", options_.dim, "]; got ",
          y.sizes());
  check_sigma(y, sigma, conditional(), "mlp potential");
  const auto f = run(layers_, options_.mlp, conditional() ? embedding_->attach(y, sigma) : y).squeeze(1);
  if (!options_.quadratic) return f;
  return f + ((torch::matmul(y, A_) + b_) * y).sum(1);
}

ValueAndGradient MlpPotential::value_and_gradient(const torch::Tensor& y) {
  require(y.dim() == 2 && y.size(1) == options_.dim, "mlp potential: the vectors must be [B, ", options_.dim, "]; got ",
          y.sizes());
  require(!conditional(), "mlp potential: a potential with a noise level makes no gradient map");
  const auto chain = chain_of(layers_, options_.mlp);
  auto out = options_.mlp.fused ? fused_value_and_gradient(y, chain) : reference_value_and_gradient(y, chain);
  if (!options_.quadratic) return out;
  const auto yA = torch::matmul(y, A_);
  return {out.value_B + ((yA + b_) * y).sum(1), out.gradient_BD + yA + torch::matmul(y, A_.t()) + b_};
}

}  // namespace monge::nn

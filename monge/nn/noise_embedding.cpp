#include "monge/nn/noise_embedding.h"

#include <torch/types.h>

#include <cmath>
#include <numbers>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/random.h"

namespace monge::nn {
namespace {

const std::vector<std::string> inputs = {"sigma", "log", "fourier"};

void check(const NoiseEmbeddingOptions& options) {
  require(options.channels > 0 && options.channels % 2 == 0 && options.channels <= 4096,
          "noise embedding: noised.embedding_channels = ", options.channels,
          " (allowed: an even number from 2 to 4096)");
  if (std::find(inputs.begin(), inputs.end(), options.input) == inputs.end()) {
    throw InputError({.what = "unknown input of the noise embedding",
                      .where = "noised.embedding",
                      .value = '"' + options.input + '"',
                      .allowed = join(inputs),
                      .fix = suggestion(options.input, inputs)});
  }
  require(options.fourier_scale > 0 && std::isfinite(options.fourier_scale),
          "noise embedding: fourier_scale = ", options.fourier_scale, " (allowed: above 0)");
  require(options.sigma_data > 0 && std::isfinite(options.sigma_data),
          "noise embedding: noised.sigma_data = ", options.sigma_data, " (allowed: above 0)");
}

}  // namespace

NoiseEmbedding::NoiseEmbedding(const NoiseEmbeddingOptions& options) : options_(options) {
  check(options);
  const int64_t half = options.channels / 2;
  if (options.input == "fourier") {
    auto generator = RandomStreams(/*seed=*/0).at("nn fourier frequencies", half);
    frequencies_ = register_buffer("frequencies", options.fourier_scale * torch::randn({half}, generator));
  } else {
    const auto exponents = torch::arange(half, torch::kFloat32) / half;
    frequencies_ = torch::pow(1.0 / 10000, exponents);
  }
}

torch::Tensor NoiseEmbedding::forward(const torch::Tensor& sigma) {
  if (frequencies_.device() != sigma.device()) frequencies_ = frequencies_.to(sigma.device());
  auto level_B1 = sigma.unsqueeze(1);
  if (options_.input == "log") level_B1 = level_B1.log() * 250;
  if (options_.input == "fourier") level_B1 = level_B1.log() * (std::numbers::pi / 2);
  const auto angles = level_B1 * frequencies_.to(sigma.scalar_type());
  return torch::cat({angles.cos(), angles.sin()}, 1);
}

torch::Tensor NoiseEmbedding::attach(const torch::Tensor& y, const torch::Tensor& sigma) {
  std::vector<int64_t> spread(y.dim(), 1);
  spread[0] = y.size(0);
  auto scaled = y;
  if (options_.scale_input) {
    const double variance = options_.sigma_data * options_.sigma_data;
    scaled = y * (sigma.square() + variance).rsqrt().to(y.scalar_type()).view(spread);
  }
  spread[1] = options_.channels;
  auto shape = y.sizes().vec();
  shape[1] = options_.channels;
  const auto channels = forward(sigma).to(y.scalar_type()).view(spread).expand(shape);
  return torch::cat({scaled, channels}, 1);
}

void check_sigma(const torch::Tensor& y, const torch::Tensor& sigma, bool wanted, const char* net) {
  if (!wanted) {
    require(!sigma.defined(), net, ": a noise level was given to a potential without noise channels; set ",
            "noised.embedding_channels with method = \"noised\", or leave the level out");
    return;
  }
  require(sigma.defined(), net, ": this potential is f(y, sigma) and needs a noise level per sample, [B]; got none");
  require(sigma.dim() == 1 && sigma.size(0) == y.size(0), net, ": the noise levels must be [B] = [", y.size(0),
          "], one per sample; got ", sigma.sizes());
}

}  // namespace monge::nn

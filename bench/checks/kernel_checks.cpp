#include <torch/autograd.h>

#include <cmath>

#include "bench/checks/check.h"
#include "bench/checks/kernel_comparison.h"
#include "monge/core/random.h"
#include "monge/nn/fused_mlp.h"

namespace monge::bench {
namespace {

nn::Chain chain_of(const std::vector<int64_t>& widths, nn::Activation activation, torch::Device device) {
  nn::Chain chain{.weights = {}, .biases = {}, .activation = activation};
  const RandomStreams streams(7);
  for (size_t l = 0; l + 1 < widths.size(); ++l) {
    const auto step = static_cast<int64_t>(l);
    const double scale = 1 / std::sqrt(static_cast<double>(widths[l]));
    const auto weight = torch::randn({widths[l + 1], widths[l]}, streams.at("weight", step)) * scale;
    const auto bias = torch::randn({widths[l + 1]}, streams.at("bias", step)) * 0.3;
    chain.weights.push_back(weight.to(device).requires_grad_(true));
    chain.biases.push_back(bias.to(device).requires_grad_(true));
  }
  return chain;
}

/// Values and all gradients of a chain, for each implementation.
std::vector<Outcome> fused_chain(torch::Device device) {
  std::vector<Outcome> out;
  for (const auto& name : nn::activation_names()) {
    double error = 0;
    for (const auto& widths : {std::vector<int64_t>{2, 33, 17, 3}, {64, 128, 128, 1}}) {
      const auto chain = chain_of(widths, nn::activation_named(name), device);
      const auto x = torch::randn({301, widths.front()}, RandomStreams(8).at("x", 0)).to(device).requires_grad_(true);
      const auto reference = nn::reference_chain(x, chain), fused = nn::fused_chain(x, chain);
      const auto top = torch::randn(reference.sizes(), RandomStreams(9).at("top", 0)).to(device);
      std::vector<torch::Tensor> leaves{x};
      leaves.insert(leaves.end(), chain.weights.begin(), chain.weights.end());
      leaves.insert(leaves.end(), chain.biases.begin(), chain.biases.end());
      const auto expected = torch::autograd::grad({reference}, leaves, {top});
      const auto found = torch::autograd::grad({fused}, leaves, {top});
      error = std::fmax(error, relative_error(fused, reference));
      for (size_t i = 0; i < expected.size(); ++i) error = std::fmax(error, relative_error(found[i], expected[i]));
    }
    out.push_back(compared(name, error, 1e-5));
  }
  return out;
}

std::vector<Outcome> operators(torch::Device device) {
  std::vector<Outcome> out;
  for (const auto& check : nn::ops::check_kernels(device)) {
    out.push_back(compared(check.name, check.error, check.tolerance));
    if (check.kernel_ms == 0) continue;
    out.back().ms = check.kernel_ms;
    out.back().reference_ms = check.reference_ms;
  }
  if (out.empty()) return {outcome_of("", false, "this build has no kernels for the device")};
  return out;
}

}  // namespace

double relative_error(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0;
  const auto wide = [](const torch::Tensor& t) { return t.detach().cpu().to(torch::kFloat64); };
  const auto expected = wide(b);
  return (wide(a) - expected).abs().max().item<double>() / std::fmax(expected.abs().max().item<double>(), 1e-30);
}

std::vector<Check> kernel_checks() { return {{"operators", operators}, {"fused chain", fused_chain}}; }

}  // namespace monge::bench

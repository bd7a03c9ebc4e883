// bench_operators [threads]: times the fused operators of the image nets and their reference implementations on a CPU,
// alternating. It prints one JSON object per line, with the milliseconds of the forward pass as in training and of the
// backward pass through the graph.
#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>

#include "monge/nn/ops/avg_pool.h"
#include "monge/nn/ops/batch_norm_relu.h"
#include "monge/nn/ops/leaky_residual.h"
#include "monge/nn/ops/upsample_concat.h"

namespace {

using monge::nn::ops::BatchNorm;
using torch::Tensor;
using Tensors = std::vector<Tensor>;
using Operator = std::function<Tensor(const Tensors&)>;

struct Times {
  std::vector<double> forward, backward;
};

double now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> of) {
  std::nth_element(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2), of.end());
  return of[of.size() / 2];
}

void once(const Operator& run, const Tensors& leaves, const Tensor& top, Times& times) {
  Tensors inputs;  // not leaves, as in a net, so that an operator may overwrite them
  for (const auto& leaf : leaves) inputs.push_back(leaf.dim() == 4 ? leaf.clone() : leaf);
  const double start = now();
  const auto y = run(inputs);
  const double middle = now();
  const auto found = torch::autograd::grad({y}, leaves, {top});
  times.forward.push_back(middle - start);
  times.backward.push_back(now() - middle);
}

void compare(const std::string& name, const Tensors& leaves, const Operator& reference, const Operator& fused) {
  const auto top = torch::randn_like(reference([&] {
    Tensors copies;
    for (const auto& leaf : leaves) copies.push_back(leaf.detach().clone());
    return copies;
  }()));
  Times of_reference, of_fused;
  for (int i = 0; i < 12; ++i) {
    once(reference, leaves, top, of_reference);
    once(fused, leaves, top, of_fused);
  }
  std::cout << "{\"operator\": \"" << name << "\", \"shape\": \"" << leaves[0].sizes()
            << "\", \"plain_forward\": " << median(of_reference.forward)
            << ", \"fused_forward\": " << median(of_fused.forward)
            << ", \"plain_backward\": " << median(of_reference.backward)
            << ", \"fused_backward\": " << median(of_fused.backward) << "}" << std::endl;
}

Tensor image(at::IntArrayRef sizes) {
  return torch::randn(sizes).contiguous(torch::MemoryFormat::ChannelsLast).requires_grad_(true);
}

}  // namespace

int main(int count, char** arguments) {
  namespace ops = monge::nn::ops;
  at::set_num_threads(count > 1 ? std::atoi(arguments[1]) : 2);
  const int64_t batch = 16;
  for (const int64_t size : {64, 32}) {
    for (const auto& [channels, side] : {std::pair(48L, size), std::pair(96L, size / 2), std::pair(384L, size / 8)}) {
      const auto norm = [](const Tensors& in) {
        return BatchNorm{in[1], in[2], torch::zeros({in[1].size(0)}), torch::ones({in[1].size(0)})};
      };
      compare(
          "batch_norm_relu",
          {image({batch, channels, side, side}), torch::ones({channels}).requires_grad_(true),
           torch::zeros({channels}).requires_grad_(true)},
          [&](const Tensors& in) { return ops::reference_batch_norm_relu(in[0], norm(in)); },
          [&](const Tensors& in) { return ops::batch_norm_relu(in[0], norm(in)); });
    }
    for (const auto& [channels, side] : {std::pair(48L, size), std::pair(192L, size / 4)}) {
      compare(
          "upsample_concat", {image({batch, channels, side, side}), image({batch, channels, side / 2, side / 2})},
          [](const Tensors& in) { return ops::reference_upsample_concat(in[0], in[1]); },
          [](const Tensors& in) { return ops::upsample_concat(in[0], in[1]); });
    }
    for (const auto& [channels, side] : {std::pair(128L, size), std::pair(256L, size / 2), std::pair(512L, size / 4)}) {
      compare(
          "avg_pool", {image({batch, channels, side, side})},
          [](const Tensors& in) { return ops::reference_avg_pool(in[0]); },
          [](const Tensors& in) { return ops::avg_pool(in[0]); });
      compare(
          "leaky_residual", {image({batch, channels, side, side}), image({batch, channels, side, side})},
          [](const Tensors& in) { return ops::reference_leaky_residual(in[0], in[1], 0.1, 0.2); },
          [](const Tensors& in) { return ops::leaky_residual(in[0], in[1], 0.1, 0.2); });
    }
  }
}

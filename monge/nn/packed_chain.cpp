#include "monge/nn/packed_chain.h"

#include <ATen/autocast_mode.h>

#include <algorithm>
#include <utility>

#include "monge/core/vectorised.h"

namespace monge::nn {

PackedChain::PackedChain(at::TensorList tensors, Activation kind, Passes passes, gemm::ProductPrecision with,
                         torch::Tensor packed)
    : activation(kind), products(with), keeps_slopes(!slope_from_value(kind)), packed_(std::move(packed)) {
  const size_t count = tensors.size() / 2;
  for (size_t l = 0; l < count; ++l) {
    const auto& weight = tensors[l];
    all.push_back({float_data(weight), float_data(tensors[count + l]), weight.size(1), weight.size(0), nullptr, nullptr,
                   products});
    widest = std::max({widest, weight.size(0), weight.size(1)});
  }
  int64_t size = 0;
  for (const auto& layer : all) {
    if (passes != Passes::backward) size += whole_vectors(forward_pack_size(layer));
    if (passes != Passes::forward) size += whole_vectors(backward_pack_size(layer));
  }
  const bool is_packed = packed_.defined();
  if (!is_packed) packed_ = torch::empty({size}, tensors[0].options().requires_grad(false));
  float* next = float_data(packed_);
  for (auto& layer : all) {
    if (passes != Passes::backward) {
      layer.forward = next;
      next += whole_vectors(forward_pack_size(layer));
    }
    if (passes != Passes::forward) {
      layer.backward = next;
      next += whole_vectors(backward_pack_size(layer));
    }
  }
  if (is_packed) return;
  const int64_t pieces = 2 * static_cast<int64_t>(count);
  for_parts(pieces, pieces, [&](int64_t i, int64_t, int64_t) {
    const auto& layer = all[static_cast<size_t>(i) / 2];
    if (i % 2 == 0 && layer.forward) pack_forward(layer, const_cast<float*>(layer.forward));
    if (i % 2 == 1 && layer.backward) pack_backward(layer, const_cast<float*>(layer.backward));
  });
}

int64_t PackedChain::block_rows() const {
  const int64_t step = 4 * gemm::tile_rows(products), wanted = (int64_t{128} << 10) / (4 * widest);
  return std::clamp<int64_t>(wanted, step, 448) / step * step;
}

GradientSlab::GradientSlab(const PackedChain& layers) {
  const auto take = [this](int64_t count) {
    const int64_t at = size;
    size += whole_vectors(count);
    return at;
  };
  for (const auto& layer : layers.all) weights.push_back(take(layer.in * layer.out));
  for (const auto& layer : layers.all) biases.push_back(take(layer.out));
}

void GradientSlab::unpack(const torch::Tensor& slab, const PackedChain& layers,
                          std::vector<torch::Tensor>::iterator to) const {
  const auto count = static_cast<std::ptrdiff_t>(layers.all.size());
  for (std::ptrdiff_t l = 0; l < count; ++l) {
    const auto& layer = layers.all[static_cast<size_t>(l)];
    const auto weight = slab.narrow(0, weights[static_cast<size_t>(l)], layer.in * layer.out);
    to[l] = sums_transposed(layer) ? weight.view({layer.in, layer.out}).t().contiguous()
                                   : weight.view({layer.out, layer.in});
    to[count + l] = slab.narrow(0, biases[static_cast<size_t>(l)], layer.out);
  }
}

MONGE_VECTORISED void add_rows(const float* values, int64_t rows, int64_t width, float* sum) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) sum[j] += values[r * width + j];
  }
}

std::vector<torch::Tensor> tensors_of(const Chain& chain) {
  auto out = chain.weights;
  out.insert(out.end(), chain.biases.begin(), chain.biases.end());
  return out;
}

Chain chain_from(at::TensorList tensors, Activation activation) {
  const auto middle = tensors.begin() + static_cast<std::ptrdiff_t>(tensors.size() / 2);
  return {{tensors.begin(), middle}, {middle, tensors.end()}, activation};
}

bool fused_passes_take(const torch::Tensor& x, at::TensorList tensors) {
  const auto fits = [](const torch::Tensor& t) {
    return t.is_cpu() && t.scalar_type() == torch::kFloat32 && t.is_contiguous();
  };
  if (!fits(x) || x.dim() != 2 || x.size(0) == 0 || at::autocast::is_autocast_enabled(at::kCPU)) return false;
  return std::all_of(tensors.begin(), tensors.end(), fits);
}

}  // namespace monge::nn

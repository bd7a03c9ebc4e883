// A chain of linear layers, packed for the fused passes (fused_mlp.h, fused_gradient.h), and the memory in which the
// threads of a pass sum the gradients of its weights.
#pragma once

#include <torch/autograd.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "monge/nn/chain_layers.h"
#include "monge/nn/fused_mlp.h"
#include "monge/nn/parts.h"
#include "monge/nn/product_scope.h"

namespace monge::nn {

/// The values of a contiguous float32 tensor on a CPU.
inline float* float_data(const torch::Tensor& t) { return t.data_ptr<float>(); }

/// Rounds up to whole vectors, so that the next part of a slab begins aligned.
inline int64_t whole_vectors(int64_t count) { return (count + 15) / 16 * 16; }

/// The passes for which weights are packed.
enum class Passes { forward, backward, both };

/// Weights, biases and activation, packed for the passes. The given tensors must outlive this object.
class PackedChain {
 public:
  /// @param tensors  weights, then biases.
  /// @param products  with which the passes multiply; part of the packing.
  /// @param packed   packed() of an earlier chain of the same values and passes, which saves packing; undefined: none.
  PackedChain(at::TensorList tensors, Activation kind, Passes passes,
              gemm::ProductPrecision products = current_products(), torch::Tensor packed = {});

  /// The memory of the packed weights.
  const torch::Tensor& packed() const { return packed_; }

  /// The number of rows that go through all layers together: a layer's values then take 128 KiB if four tiles need no
  /// more, so that those of two layers and a panel of weights fit in the second cache of a core.
  int64_t block_rows() const;

  /// Calls work(begin, end) for blocks of a batch's rows.
  template <class Work>
  void for_blocks(int64_t rows, const Work& work) const {
    for_pieces(rows, block_rows(), /*step=*/gemm::tile_rows(products), thread_count(rows), work);
  }

  std::vector<ChainLayer> all;
  Activation activation;
  gemm::ProductPrecision products;
  bool keeps_slopes;
  int64_t widest = 1;

 private:
  torch::Tensor packed_;
};

/// The slab in which a thread sums the gradients of weights and biases, and the place of each of them.
struct GradientSlab {
  explicit GradientSlab(const PackedChain& layers);

  /// Copies a slab's gradients into tensors of their shapes: those of the weights, then those of the biases.
  void unpack(const torch::Tensor& slab, const PackedChain& layers, std::vector<torch::Tensor>::iterator to) const;

  std::vector<int64_t> weights, biases;
  int64_t size = 0;
};

/// sum[j] += values[r, j] over the rows r.
void add_rows(const float* values, int64_t rows, int64_t width, float* sum);

/// Weights, then biases.
std::vector<torch::Tensor> tensors_of(const Chain& chain);

/// The products of a node's forward pass, which it has saved as "products".
inline gemm::ProductPrecision saved_products(torch::autograd::AutogradContext& node) {
  return static_cast<gemm::ProductPrecision>(node.saved_data["products"].toInt());
}

/// The inverse of tensors_of.
Chain chain_from(at::TensorList tensors, Activation activation);

/// Whether the fused passes take this input and these tensors: float32 in one piece on a CPU, at least one row, and no
/// autocast.
bool fused_passes_take(const torch::Tensor& x, at::TensorList tensors);

}  // namespace monge::nn

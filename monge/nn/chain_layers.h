// The layers of a fused chain (fused_mlp.h) on raw memory, for one thread and a block of rows.
#pragma once

#include <cstdint>
#include <vector>

#include "monge/nn/activation_curvature.h"
#include "monge/nn/gemm.h"

namespace monge::nn {

/// y = x W^T + b. All matrices are row-major without gaps.
struct ChainLayer {
  const float* weight;  ///< [out, in]
  const float* bias;    ///< [out]
  int64_t in, out;
  const float* forward = nullptr;   ///< W^T packed by pack_forward, for hidden_pass and output_pass
  const float* backward = nullptr;  ///< W packed by pack_backward, for input_gradient and hidden_gradient
  gemm::ProductPrecision products = gemm::ProductPrecision::fp32;
};

/// The numbers of floats of `forward` and of `backward`, and the functions that fill them.
int64_t forward_pack_size(const ChainLayer& layer);
int64_t backward_pack_size(const ChainLayer& layer);
void pack_forward(const ChainLayer& layer, float* to);
void pack_backward(const ChainLayer& layer, float* to);

/// h[rows, out] = act(x W^T + b) and, unless null, slope[rows, out] = act'(x W^T + b).
void hidden_pass(const ChainLayer& layer, Activation kind, const float* x, float* h, float* slope, int64_t rows);

/// y[rows, out] = x W^T + b.
void output_pass(const ChainLayer& layer, const float* x, float* y, int64_t rows);

/// down[rows, in] = up W.
void input_gradient(const ChainLayer& layer, const float* up, float* down, int64_t rows);

/// down[rows, in] = (up W) * act', the gradient before the activation below this layer.
/// @param kept      act if slope_from_value(kind), else act'; [rows, in].
/// @param bias_sum  [in]; the sums of `down` over rows are added to it, unless it is null.
void hidden_gradient(const ChainLayer& layer, Activation kind, const float* up, const float* kept, float* down,
                     float* bias_sum, int64_t rows);

// The passes of fused_gradient.h; see activation_curvature.h for what they do at the activation.

/// Writes the record of x W^T + b, [rows, out].
void curved_pass(const ChainLayer& layer, Activation kind, const float* x, const ActivationRecord& record,
                 int64_t rows);

/// down = (up W) act', [rows, in], with the record of the layer below.
void descending_pass(const ChainLayer& layer, Activation kind, const float* up, const ActivationRecord& below,
                     float* down, int64_t rows);

/// t = v W^T, [rows, out]; curvature_term = t u act'', tangent = t act'.  @param d  u act' of descending_pass.
void tangent_pass(const ChainLayer& layer, Activation kind, const float* v, const ActivationRecord& record,
                  const float* d, float* tangent, float* curvature_term, int64_t rows);

/// down = (c W) act' + curvature_term, [rows, in]; its sums over rows are added to `sums` [in].
void adjoint_pass(const ChainLayer& layer, Activation kind, const float* c, const ActivationRecord& below,
                  const float* curvature_term, float* down, float* sums, int64_t rows);

/// Whether the gradient of the weights is summed as [in, out], because `in` is too small to fill a vector.
bool sums_transposed(const ChainLayer& layer);

/// sum = up^T x, or += that with `accumulate`: [out, in], or [in, out] if sums_transposed.
void weight_gradient(const ChainLayer& layer, const float* up, const float* x, float* sum, int64_t rows,
                     bool accumulate);

}  // namespace monge::nn

// Pairs of laws with a known optimal map: "Mix3toMix10" of the Wasserstein-2 benchmark (Korotin et al. 2021).
#pragma once

#include <torch/types.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>

#include "monge/core/files.h"
#include "monge/data/source.h"
#include "monge/data/source_kinds.h"
#include "monge/data/spec.h"

namespace monge::data {

/// One pair, of dimension D. The source is a mixture of three Gaussians; the target is its image under
///
///     T*(x) = scale (grad psi_1(x) + grad psi_2(x) + shift),
///
/// the gradient of a convex function and so the optimal map for |x - y|^2. Each psi is an input-convex network of
/// widths h_0, h_1, h_2, with A_k [D, h_k], W_k [h_k, D], b_k [h_k], C_k >= 0, w >= 0:
///
///     q_k(x) = (x A_k)^2 + W_k x + b_k          (the square element by element)
///     psi(x) = w . celu(C_1 celu(C_0 q_0(x) + q_1(x)) + q_2(x)) + 0.005 |x|^2
///
/// Source: arXiv 2106.01954 and its code, github.com/iamalexkorotin/Wasserstein2Benchmark. Immutable; threads may share
/// it.
class W2Benchmark {
 public:
  /// Reads a safetensors file of any D with these tensors (floats, which are converted; other tensors are ignored):
  ///
  ///     centers [3, D], maps [3, D, D], std [1]     x = centers[i] + std maps[i] z
  ///     scale [1], shift [D], out_var [1]           out_var: trace of the target's covariance
  ///     linear/weight [D, D], linear/bias [D]       the baseline
  ///     vP/quadratic_layers.K.quadratic_decomposed [D, 1, h_K], .weight [h_K, D], .bias [h_K]  (P = 1, 2; K = 0, 1, 2)
  ///     vP/convex_layers.0.weight [h_1, h_0], vP/convex_layers.1.weight [h_2, h_1], vP/final_layer.weight [1, h_2]
  ///
  /// @throws InputError as read_safetensors; naming file and tensor for a tensor that is missing, of another shape, not
  ///     of floats or not finite, and for a scale or out_var that is not above 0.
  static std::shared_ptr<const W2Benchmark> load(const std::filesystem::path& path, const Files& files = real_files());

  int64_t dim() const { return shift_.size(0); }
  double out_var() const { return out_var_; }  ///< for L2-UVP

  /// T*(x).
  /// @param x_ND  float32 or float64.
  /// @return [N, D] of x's type and device. @throws InputError for another shape.
  torch::Tensor map(const torch::Tensor& x_ND) const;

  /// psi_1 and psi_2, [2, N], like x.
  torch::Tensor potentials(const torch::Tensor& x_ND) const;

  /// The baseline: the optimal map between Gaussians with the moments of source and target. Like x.
  torch::Tensor linear(const torch::Tensor& x_ND) const;

  /// n draws of the source law, float32 [n, D].
  torch::Tensor draw(int64_t n, torch::Generator generator) const;

 private:
  struct Potential {
    std::array<torch::Tensor, 3> A, W, b;  ///< [D, h_k], [h_k, D], [h_k]
    std::array<torch::Tensor, 2> C;        ///< [h_1, h_0], [h_2, h_1]
    torch::Tensor w;                       ///< [h_2]

    Potential to(const torch::Tensor& like) const;
    torch::Tensor quadratic(const torch::Tensor& x_ND, size_t k) const;
    torch::Tensor quadratic_gradient(const torch::Tensor& x_ND, const torch::Tensor& u_NH, size_t k) const;
    torch::Tensor value(const torch::Tensor& x_ND) const;
    torch::Tensor gradient(const torch::Tensor& x_ND) const;
  };

  W2Benchmark() = default;
  void check(const torch::Tensor& x_ND) const;

  std::string name_;
  torch::Tensor centres_, maps_, shift_, linear_weight_, linear_bias_;
  double std_ = 0, scale_ = 0, out_var_ = 0;
  std::array<Potential, 2> potentials_;
};

/// The pair as endless sources: the mixture, or T* of fresh draws of it.
std::shared_ptr<const Source> w2_benchmark_source(std::shared_ptr<const W2Benchmark> pair, Side side, std::string name);

/// Opens "w2bench:FILE.safetensors?side=source|target"; the default is source. @throws InputError as load.
std::shared_ptr<const Source> open_w2_benchmark(const std::string& line);

/// The row of source_kinds.h.
SourceKind w2_benchmark_kind();

}  // namespace monge::data

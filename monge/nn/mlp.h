// Multi-layer perceptrons: maps and potentials of vectors.
#pragma once

#include <torch/nn/modules/linear.h>

#include <memory>
#include <string>
#include <vector>

#include "monge/nn/module.h"
#include "monge/nn/noise_embedding.h"

namespace monge::nn {

/// The layers linear, activation, ..., linear. The linear layers have the keys 0, 2, 4, ... as in a PyTorch Sequential.
struct MlpOptions {
  std::vector<int64_t> hidden = {128, 128, 128};  ///< widths of the hidden layers, 1..65536 each; may be empty.
  std::string activation = "silu";                ///< see activation_named.
  bool zero_last = false;                         ///< starts the last layer at zero.
  bool fused = true;                              ///< see fused_chain; false: by LibTorch's operators.
};

struct MlpMapOptions {
  int64_t in = 2;   ///< entries of the input, D + zd; 1..65536.
  int64_t out = 2;  ///< entries of the output, D; 1..65536.
  MlpOptions mlp = {};
  /// output = first `out` entries of the input + net; needs in >= out. With mlp.zero_last it starts as the identity.
  bool residual = false;
};

struct MlpPotentialOptions {
  int64_t dim = 2;  ///< D; 1..65536.
  MlpOptions mlp = {};
  /// Adds y'Ay + b'y, with A and b starting at zero: the potential between Gaussians has this form.
  bool quadratic = false;
  NoiseEmbeddingOptions noise = {};  ///< channels > 0: f(y, sigma), with the embedding concatenated to y.
};

/// A map T(x) of vectors. Keys: 0.weight, 0.bias, 2.weight, ...
class MlpMap : public MapNet {
 public:
  /// @throws InputError for an option out of its range.
  explicit MlpMap(const MlpMapOptions& options);

  /// @param input  [B, in].
  /// @return       [B, out].
  torch::Tensor forward(const torch::Tensor& input) override;

  const MlpMapOptions& options() const { return options_; }

 private:
  MlpMapOptions options_;
  std::vector<torch::nn::Linear> layers_;
};

/// A potential f(y) = net(y) [ + y'Ay + b'y ] of vectors. Keys: as above, quadratic.A [D, D] and quadratic.b [D].
class MlpPotential : public PotentialNet {
 public:
  /// @throws InputError for an option out of its range.
  explicit MlpPotential(const MlpPotentialOptions& options);

  /// @param y  [B, dim].
  torch::Tensor forward(const torch::Tensor& y, const torch::Tensor& sigma = {}) override;
  bool conditional() const override { return options_.noise.channels > 0; }

  /// By fused_value_and_gradient. @throws InputError for a conditional potential.
  ValueAndGradient value_and_gradient(const torch::Tensor& y) override;
  bool has_gradient() const override { return !conditional(); }

  const MlpPotentialOptions& options() const { return options_; }

 private:
  MlpPotentialOptions options_;
  std::shared_ptr<NoiseEmbedding> embedding_;
  std::vector<torch::nn::Linear> layers_;
  torch::Tensor A_, b_;
};

}  // namespace monge::nn

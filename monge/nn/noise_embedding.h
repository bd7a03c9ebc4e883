// The embedding of the noise level sigma for a potential: more channels of an image, or more entries of a vector.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <string>

namespace monge::nn {

struct NoiseEmbeddingOptions {
  int64_t channels = 0;  ///< width of the embedding, even; 0: the potential is not conditional.
  /// "sigma":   positional, of sigma itself, as in the public code; it cannot resolve levels below about 0.1.
  /// "log":     positional, of 1000 ln(sigma)/4.
  /// "fourier": cos and sin of 2 pi w ln(sigma)/4 with fixed w ~ N(0, fourier_scale^2).
  std::string input = "sigma";
  double fourier_scale = 4;  ///< standard deviation of w; > 0. A larger one resolves closer levels.
  bool scale_input = false;  ///< divides y by sqrt(sigma^2 + sigma_data^2), so that the input has unit variance.
  double sigma_data = 0.5;   ///< standard deviation of the clean data; > 0.
};

/// Embeds noise levels.
///
///     positional: [cos(s w_0..w_{n/2-1}), sin(s w_0..)],   w_j = 10000^(-j / (n/2)),   s = sigma or 1000 ln(sigma) / 4
///
/// The frequencies are computed in float32 and then widened, as in the public code. The factor 1000 spreads
/// ln(sigma)/4, which lies in about [-1.6, 1.1], over the frequencies. ln(sigma)/4 and the scale of the input are those
/// of Karras et al. 2022 (EDM), table 1. The Fourier frequencies are the buffer "frequencies"; they are the same for
/// every net of the same width and scale.
class NoiseEmbedding : public torch::nn::Module {
 public:
  /// @throws InputError for an odd or negative width, an unknown input, a scale that is not positive.
  explicit NoiseEmbedding(const NoiseEmbeddingOptions& options);

  /// @param sigma  [B] > 0.
  /// @return       [B, channels] in sigma's type.
  torch::Tensor forward(const torch::Tensor& sigma);

  /// y [B, C, ...] scaled if the options say so, with the embedding concatenated after its channels.
  /// @throws InputError if sigma is not [B].
  torch::Tensor attach(const torch::Tensor& y, const torch::Tensor& sigma);

  const NoiseEmbeddingOptions& options() const { return options_; }

 private:
  NoiseEmbeddingOptions options_;
  torch::Tensor frequencies_;  ///< positional: float32, a cache on the last device used, not a part of the state
};

/// Checks that sigma is defined if and only if `wanted`. @throws InputError otherwise, naming `net`.
void check_sigma(const torch::Tensor& y, const torch::Tensor& sigma, bool wanted, const char* net);

}  // namespace monge::nn

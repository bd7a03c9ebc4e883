// How a potential is told the noise level: an embedding of sigma, as channels beside the colours or entries beside y.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <string>

namespace monge::nn {

struct NoiseEmbeddingOptions {
  int64_t channels = 0;         ///< width of the embedding, even; 0: the potential is not conditional.
  std::string input = "sigma";  ///< "sigma": positional, of sigma itself (the public code; blind below about 0.1).
                                ///< "log": positional, of 1000 ln(sigma)/4. "fourier": cos and sin of 2 pi w
                                ///< ln(sigma)/4 with fixed w ~ N(0, fourier_scale^2).
  double fourier_scale = 4;     ///< standard deviation of w; > 0. Larger tells nearer levels apart.
  bool scale_input = false;     ///< divides y by sqrt(sigma^2 + sigma_data^2), so that the net sees unit variance.
  double sigma_data = 0.5;      ///< standard deviation of the clean data; > 0.
};

/// Embeds noise levels.
///
///     positional: [cos(s w_0..w_{n/2-1}), sin(s w_0..)],   w_j = 10000^(-j / (n/2)),   s = sigma or 1000 ln(sigma) / 4
///
/// The frequencies are computed in float32 and then widened, as in the public code. The factor 1000 spreads
/// ln(sigma)/4, which lies in about [-1.6, 1.1], over the frequencies. Karras et al. 2022 (EDM), table 1, for
/// ln(sigma)/4 and c_in. The Fourier frequencies are the buffer "frequencies" and the same for every net of one width
/// and scale.
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
  torch::Tensor frequencies_;  ///< positional: float32, a cache on the last device used and no part of the state
};

/// @throws InputError unless sigma is given exactly if `wanted`. `net` names the net in the message.
void check_sigma(const torch::Tensor& y, const torch::Tensor& sigma, bool wanted, const char* net);

}  // namespace monge::nn

// The noise levels of noised training: their distribution and their weights.
#pragma once

#include <torch/types.h>

#include "monge/core/item_draws.h"
#include "monge/core/registry.h"

namespace monge::ot {

struct NoisedOptions;  // noised.h

/// The distributions of the noise level, by name. Each draws the sigma of every item of the whole batch.
///
///     edm          ln sigma ~ N(p_mean, p_std^2), clamped to [sigma_min, sigma_max]
///     log_uniform  ln sigma uniform on [ln sigma_min, ln sigma_max]
using SigmaLaw = torch::Tensor (*)(const NoisedOptions& options, int64_t batch, const ItemDraws& draws);
Registry<SigmaLaw>& sigma_laws();

/// The weights of a sample with noise level s, by name, before clipping and normalising:
///
///     edm      (s^2 + sd^2)/(s sd)^2
///     inverse  1/s^2
///     none     1
using SigmaWeight = torch::Tensor (*)(const NoisedOptions& options, const torch::Tensor& sigma_B);
Registry<SigmaWeight>& sigma_weights();

/// The perturbation of a batch: the potential takes f(y + noise, sigma), and the loss of the sample has the weight
/// `weight_B`. If all three are undefined, the potential takes y itself.
struct Perturbation {
  torch::Tensor sigma_B{};
  torch::Tensor noise{};  ///< shaped like y; already multiplied by sigma
  torch::Tensor weight_B{};

  bool defined() const { return sigma_B.defined(); }
};

/// Draws the sigma of every item of the whole batch, float32 on the draws' device.
/// @param batch  the number of items if `draws` do not know it. @throws InputError for an empty range of levels.
torch::Tensor draw_sigma(const NoisedOptions& options, int64_t batch, const ItemDraws& draws);

/// The weight of every sample for its own sigma, [B]. (The reference code multiplies [B,1] by [B,1,1,1] and so weights
/// the whole loss by one random factor.)
torch::Tensor sigma_weight(const NoisedOptions& options, const torch::Tensor& sigma_B);

/// Draws sigma, noise and weight for samples shaped like `y` [B, ...], which are a part of a batch. The weights are
/// clipped and normalised by the mean over the whole batch.
Perturbation draw_perturbation(const NoisedOptions& options, const torch::Tensor& y, const ItemDraws& draws);

}  // namespace monge::ot

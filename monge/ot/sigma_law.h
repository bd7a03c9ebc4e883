// The noise levels of noised training: their law and the weight of each.
#pragma once

#include <torch/types.h>

#include "monge/core/item_draws.h"
#include "monge/core/registry.h"

namespace monge::ot {

struct NoisedOptions;  // noised.h

/// Laws of the noise level, by name: sigma of every item of the whole batch.
///
///     edm          ln sigma ~ N(p_mean, p_std^2), clamped to [sigma_min, sigma_max]
///     log_uniform  ln sigma uniform on [ln sigma_min, ln sigma_max]
using SigmaLaw = torch::Tensor (*)(const NoisedOptions& options, int64_t batch, const ItemDraws& draws);
Registry<SigmaLaw>& sigma_laws();

/// Weights of a sample by its sigma s, by name, before clipping and normalising:
///
///     edm  (s^2 + sd^2)/(s sd)^2        inverse  1/s^2        none  1
using SigmaWeight = torch::Tensor (*)(const NoisedOptions& options, const torch::Tensor& sigma_B);
Registry<SigmaWeight>& sigma_weights();

/// One draw for a batch: y is shown to the potential as f(y + noise, sigma), and its loss counts `weight` times.
/// All three undefined means that the method shows y itself.
struct Perturbation {
  torch::Tensor sigma_B{};
  torch::Tensor noise{};  ///< like y; already multiplied by sigma
  torch::Tensor weight_B{};

  bool defined() const { return sigma_B.defined(); }
};

/// sigma of every item of the whole batch, float32 on the draws' device.
/// @param batch  items, where the draws do not say. @throws InputError for an empty range of levels.
torch::Tensor draw_sigma(const NoisedOptions& options, int64_t batch, const ItemDraws& draws);

/// The weight of every sample by its own sigma, [B]. (The reference multiplied [B,1] by [B,1,1,1] and so weighted the
/// whole loss by one random factor.)
torch::Tensor sigma_weight(const NoisedOptions& options, const torch::Tensor& sigma_B);

/// sigma, noise and weight for samples shaped like `y` [B, ...], a part of a batch: weights are by the means of the
/// whole batch.
Perturbation draw_perturbation(const NoisedOptions& options, const torch::Tensor& y, const ItemDraws& draws);

}  // namespace monge::ot

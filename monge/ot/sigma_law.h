// The noise levels of noised training: their law and the weight of each.
#pragma once

#include <torch/types.h>

#include <string>

#include "monge/core/item_draws.h"

namespace monge::ot {

/// Options of noised training. Defaults are EDM's (Karras et al. 2022, table 1).
struct SigmaLaw {
  std::string law = "edm";   ///< "edm": ln sigma ~ N(p_mean, p_std^2), clamped to [sigma_min, sigma_max]; "log_uniform"
  double sigma_min = 0.02;   ///< > 0, in units of the data
  double sigma_max = 100.0;  ///< >= sigma_min
  double p_mean = -1.2;      ///< of ln sigma
  double p_std = 1.2;        ///< of ln sigma, > 0
  std::string weight = "edm";  ///< "edm": (s^2 + sd^2)/(s sd)^2; "inverse": 1/s^2; "none": 1
  double sigma_data = 0.5;     ///< sd, standard deviation of the data
  bool normalise = true;       ///< divide the weights by their batch mean: 1/s^2 alone has a huge variance
  double clip = 0.0;           ///< largest weight, in multiples of the batch mean before clipping; 0 does not clip
};

/// One draw for a batch: y is shown to the potential as f(y + noise, sigma), and its loss counts `weight` times.
/// All three undefined means that the method shows y itself.
struct Perturbation {
  torch::Tensor sigma_B{};
  torch::Tensor noise{};  ///< like y; already multiplied by sigma
  torch::Tensor weight_B{};

  bool defined() const { return sigma_B.defined(); }
};

/// sigma of every item of the whole batch, float32 on the draws' device. @param batch  items, where the draws do not
/// say.
torch::Tensor draw_sigma(const SigmaLaw& law, int64_t batch, const ItemDraws& draws);

/// The weight of every sample by its own sigma, [B]. (The reference multiplied [B,1] by [B,1,1,1] and so weighted the
/// whole loss by one random factor.)
torch::Tensor sigma_weight(const SigmaLaw& law, const torch::Tensor& sigma_B);

/// sigma, noise and weight for samples shaped like `y` [B, ...], a part of a batch: weights are by the means of the
/// whole batch.
Perturbation draw_perturbation(const SigmaLaw& law, const torch::Tensor& y, const ItemDraws& draws);

}  // namespace monge::ot

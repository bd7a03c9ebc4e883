// A map as a function of its input and of its noises: the function that an exported graph computes.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "monge/model/model.h"

namespace monge::model {

/// A noise that a map takes beside its input. It is standard normal: levels and standard deviations are the model's.
struct NoiseInput {
  std::string name;                 ///< "noise", "smoothing_noise" or "smoothing_tint"
  std::vector<int64_t> item_shape;  ///< without the batch; height and width are 0 if they are those of the input
  std::string meaning;              ///< one line
};

/// The noises of a model, in the order in which outputs_for takes them:
///
///   - noise            the noise z of the net: [Z] for vectors, and for images whose noise is one draw per channel;
///                      else [Z, H, W]. With method light the first D entries are the draw, and the last one chooses
///                      the component (nn::GaussianPlanPotential::draw);
///   - smoothing_noise  the noise that smooths the input, shaped like it;
///   - smoothing_tint   [C], the part of that noise that is one value per channel, with a tint.
///
/// Empty for a model with `deterministic`, and for one that is not stochastic().
std::vector<NoiseInput> noise_inputs(const Model& model);

/// The outputs for chosen noises. With the draws of Model::translate it gives the outputs of translate to the bit.
/// @param x       [B, ...item], raw. Images may have any height and width that the net takes, without noise channels.
/// @param noises  [B, ...item_shape] each, in the order of noise_inputs(model); standard normal.
/// @return        [B, ...item] on the CPU, of the type that Model::translate returns.
/// @throws InputError for another number of noises or another shape, with the name of the input; and as translate.
torch::Tensor outputs_for(const Model& model, const torch::Tensor& x, const std::vector<torch::Tensor>& noises = {});

}  // namespace monge::model

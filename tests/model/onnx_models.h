// Small maps with random weights, for the tests of ONNX files.
#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/random.h"
#include "monge/model/model.h"
#include "monge/model/noise_inputs.h"
#include "monge/nn/ddpm.h"
#include "monge/nn/gaussian_plan.h"
#include "monge/nn/gradient_map.h"
#include "monge/nn/icnn.h"
#include "monge/nn/mlp.h"
#include "monge/nn/unet.h"

namespace monge::model {

/// Gives all weights other values than those that nets start from: no zeros, no ones, no equal statistics. Matrices
/// keep their size, so that values neither grow nor vanish from layer to layer.
inline void randomise(nn::MapNet& net) {
  const torch::NoGradGuard no_grad;
  const auto generator = RandomStreams(3).at("weights", 0);
  for (auto& parameter : net.parameters()) {
    const double spread = parameter.numel() > 1 && parameter.dim() > 1 ? parameter.std().item<double>() : 0;
    parameter.add_((spread > 0 ? spread : 0.3) * torch::randn(parameter.sizes(), generator));
  }
  for (auto& buffer : net.named_buffers()) {
    if (!buffer.value().is_floating_point()) continue;
    buffer.value().add_(0.3 * torch::rand(buffer.value().sizes(), generator));
  }
  net.eval();
}

/// A model without a recipe.
inline Model model_of_net(std::shared_ptr<nn::MapNet> net, std::vector<int64_t> item_shape, ot::MapNoise noise = {}) {
  Model model;
  model.origin = "a test";
  randomise(*net);
  model.net = std::move(net);
  model.item_shape = std::move(item_shape);
  model.noise = std::move(noise);
  return model;
}

inline Model mlp_model(const nn::MlpMapOptions& options, double noise_std = 1) {
  return model_of_net(std::make_shared<nn::MlpMap>(options), {options.out},
                      {.channels = options.in - options.out, .std = noise_std});
}

inline Model gradient_model(std::shared_ptr<nn::PotentialNet> potential, int64_t dim, double tau) {
  return model_of_net(std::make_shared<nn::GradientMap>(std::move(potential), tau), {dim});
}

inline Model light_model(const nn::GaussianPlanOptions& options) {
  auto plan = std::make_shared<nn::GaussianPlanMap>(std::make_shared<nn::GaussianPlanPotential>(options));
  return model_of_net(std::move(plan), {options.dim}, {.channels = options.dim + 1, .std = 1, .optional = true});
}

/// @param side  the item's height and width.
inline Model unet_model(nn::UNetOptions options, int64_t side, bool vector = false) {
  auto model = model_of_net(std::make_shared<nn::UNet>(options), {options.out, side, side},
                            {.channels = options.in - options.out, .std = 0.5, .vector = vector});
  model.sizes = nn::image_sizes(options);
  return model;
}

inline Model ddpm_model(const nn::DdpmMapOptions& options, int64_t side) {
  auto model = model_of_net(std::make_shared<nn::DdpmMap>(options), {options.out, side, side},
                            {.channels = options.noise, .std = 0.5, .vector = options.noise_vector});
  model.sizes = nn::image_sizes(options);
  return model;
}

/// A batch of inputs of a model and its noises, drawn from the stream `step`.
struct Inputs {
  torch::Tensor x;
  std::vector<torch::Tensor> noises;
};

/// @param height, width  of images; ignored for vectors.
inline Inputs inputs_of(const Model& model, int64_t batch, int64_t height, int64_t width, int64_t step = 0) {
  const auto generator = RandomStreams(8).at("inputs", step);
  Inputs out;
  if (model.item_shape.size() == 3) {
    out.x = torch::rand({batch, model.item_shape[0], height, width}, generator) * 2 - 1;
  } else {
    out.x = torch::randn({batch, model.item_shape[0]}, generator);
    if (model.standardisation) {
      const auto& side = model.standardisation->source;
      out.x = (out.x * side.scale + side.mean).to(torch::kFloat32);
    }
  }
  for (const auto& noise : noise_inputs(model)) {
    std::vector<int64_t> shape{batch, noise.item_shape[0]};
    if (noise.item_shape.size() == 3) shape.insert(shape.end(), {height, width});
    out.noises.push_back(torch::randn(shape, generator));
  }
  return out;
}

}  // namespace monge::model

// A map as a function of its input and of its noises.
#include "monge/model/noise_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/item_draws.h"
#include "monge/ot/smoothing.h"
#include "tests/model/onnx_models.h"
#include "tests/support/support.h"

namespace monge::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

std::vector<std::string> names_of(const Model& model) {
  std::vector<std::string> out;
  for (const auto& input : noise_inputs(model)) out.push_back(input.name);
  return out;
}

/// The draws of Model::inputs, in its order.
std::vector<torch::Tensor> drawn(const Model& model, const torch::Tensor& x, torch::Generator generator) {
  const ItemDraws draws(generator);
  torch::Tensor white, tint, z;
  if (model.smoothing.eps > 0) white = draws.normal(x.sizes());
  if (model.smoothing.tint > 0) tint = draws.normal({x.size(0), x.size(1), 1, 1}).flatten(1);
  std::vector<torch::Tensor> out;
  if (model.noise.channels > 0) {
    std::vector<int64_t> shape{x.size(0), 1, model.noise.channels};
    for (int64_t axis = 2; axis < x.dim(); ++axis) shape.push_back(model.noise.vector ? 1 : x.size(axis));
    z = draws.normal(shape).squeeze(1);
    out.push_back(model.noise.vector ? z.flatten(1) : z);
  }
  for (const auto& noise : {white, tint}) {
    if (noise.defined()) out.push_back(noise);
  }
  return out;
}

void expect_those_of_translate(const Model& model, const torch::Tensor& x) {
  const auto generator = [] { return RandomStreams(2).at("z", 0); };
  const auto expected = model.translate(x, 1, generator()).squeeze(1);
  EXPECT_TRUE(torch::equal(outputs_for(model, x, drawn(model, x, generator())), expected));
}

TEST(NoiseInputs, GiveTheOutputsOfTranslateToTheBit) {
  auto vectors = mlp_model({.in = 5, .out = 3, .mlp = {.hidden = {16}}}, 0.7);
  vectors.smoothing = {.eps = 0.2};
  expect_those_of_translate(vectors, torch::randn({4, 3}));
  for (const bool vector : {false, true}) {
    auto images = unet_model({.in = 5, .out = 3, .base = 2, .depth = 1}, 16, vector);
    images.smoothing = {.preserve_variance = true, .eps = 0.2, .tint = 0.5};
    expect_those_of_translate(images, torch::rand({2, 3, 16, 16}));
  }
  expect_those_of_translate(light_model({.dim = 3, .components = 7, .epsilon = 0.2}), torch::randn({50, 3}));
}

TEST(NoiseInputs, AreNoneOfADeterministicModel) {
  auto model = light_model({.dim = 3, .components = 7, .epsilon = 0.2});
  EXPECT_THAT(names_of(model), ElementsAre("noise"));
  EXPECT_THAT(noise_inputs(model)[0].item_shape, ElementsAre(4));
  model.deterministic = true;
  EXPECT_THAT(names_of(model), ElementsAre());
  const auto x = torch::randn({5, 3});
  EXPECT_TRUE(torch::equal(outputs_for(model, x), model.translate(x, 1, RandomStreams(0).at("z", 0)).squeeze(1)));
  auto pixels = unet_model({.in = 4, .out = 3, .base = 2, .depth = 1}, 16);
  pixels.deterministic = true;
  pixels.smoothing = {.preserve_variance = true, .eps = 0.2};
  const auto image = torch::rand({2, 3, 16, 16});
  EXPECT_TRUE(
      torch::equal(outputs_for(pixels, image), pixels.translate(image, 1, RandomStreams(0).at("z", 0)).squeeze(1)));
}

TEST(NoiseInputs, HaveTheShapesOfTheirKind) {
  auto images = unet_model({.in = 5, .out = 3, .base = 2, .depth = 1}, 16);
  images.smoothing = {.eps = 0.2, .tint = 0.5};
  EXPECT_THAT(names_of(images), ElementsAre("noise", "smoothing_noise", "smoothing_tint"));
  auto inputs = noise_inputs(images);
  EXPECT_THAT(inputs[0].item_shape, ElementsAre(2, 0, 0));
  EXPECT_THAT(inputs[1].item_shape, ElementsAre(3, 0, 0));
  EXPECT_THAT(inputs[2].item_shape, ElementsAre(3));
  images.sizes.reset();
  images.noise.vector = true;
  inputs = noise_inputs(images);
  EXPECT_THAT(inputs[0].item_shape, ElementsAre(2));
  EXPECT_THAT(inputs[1].item_shape, ElementsAre(3, 16, 16));
}

TEST(NoiseInputs, OfAnotherShapeAreRefusedByName) {
  const auto model = unet_model({.in = 5, .out = 3, .base = 2, .depth = 1}, 16);
  const auto x = torch::rand({2, 3, 24, 16});
  EXPECT_EQ(outputs_for(model, x, {torch::randn({2, 2, 24, 16})}).sizes(), x.sizes());
  EXPECT_THAT(message_of([&] { outputs_for(model, x); }),
              HasSubstr("the map has 1 noise input (noise), and 0 were given"));
  EXPECT_THAT(message_of([&] { outputs_for(model, x, {torch::randn({2, 2, 16, 16})}); }),
              HasSubstr("the input \"noise\" must have the shape [2, 2, 24, 16], got [2, 2, 16, 16]"));
  EXPECT_THAT(message_of([&] { outputs_for(model, torch::rand({2, 5, 16, 16}), {torch::randn({2, 2, 16, 16})}); }),
              HasSubstr("got a batch of shape [2, 5, 16, 16]"));
}

}  // namespace
}  // namespace monge::model

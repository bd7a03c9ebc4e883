#include "monge/solve/flat_parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/nn/module.h"
#include "monge/solve/batch_norm_buffers.h"
#include "monge/solve/nets.h"
#include "monge/solve/optimiser.h"
#include "tests/support/support.h"

namespace monge::solve {
namespace {

using ::testing::HasSubstr;

torch::Tensor draw(const std::vector<int64_t>& shape, int64_t step) {
  return torch::randn(shape, RandomStreams(3).at("flat", step));
}

std::vector<torch::Tensor> some() {
  return {draw({3, 5}, 0), draw({4, 3, 3, 3}, 1).contiguous(torch::MemoryFormat::ChannelsLast), draw({}, 2),
          draw({7}, 3)};
}

TEST(FlatParameters, KeepsSizesStridesAndValues) {
  auto tensors = some();
  const auto before = some();
  FlatParameters flat(tensors);
  flat.adopt(tensors);
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_TRUE(torch::equal(tensors[i], before[i])) << i;
    EXPECT_EQ(tensors[i].strides(), before[i].strides()) << i;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensors[i].const_data_ptr()) % 64, 0u) << i;
  }
  EXPECT_TRUE(tensors[1].is_contiguous(torch::MemoryFormat::ChannelsLast));
  flat.whole().fill_(2);
  for (const auto& tensor : tensors) EXPECT_TRUE(torch::equal(tensor, torch::full_like(tensor, 2)));
}

TEST(FlatParameters, TheNormIsThatOfAllTensors) {
  auto tensors = some();
  FlatParameters flat(tensors);
  flat.adopt(tensors);
  double squares = 0;
  for (const auto& tensor : tensors) squares += tensor.to(torch::kFloat64).square().sum().item<double>();
  EXPECT_NEAR(norm(flat).item<double>(), std::sqrt(squares), 1e-6 * std::sqrt(squares));
}

// A single sum of millions of squares in float32 loses digits.
TEST(FlatParameters, TheNormOfManyIsAccurate) {
  std::vector<torch::Tensor> many{torch::full({3 << 20}, 0.1f)};
  FlatParameters flat(many);
  flat.adopt(many);
  const double exact = static_cast<double>(0.1f) * std::sqrt(3.0 * (1 << 20));
  EXPECT_NEAR(norm(flat).item<double>(), exact, 1e-6 * exact);
}

TEST(FlatParameters, RefusesTwoTypes) {
  EXPECT_THAT(testing::message_of([] { FlatParameters({torch::ones({2}), torch::ones({2}, torch::kFloat64)}); }),
              HasSubstr("must have the same type and device"));
}

TEST(FlatParameters, TakesBackWhatWasGivenOtherMemory) {
  auto tensors = some();
  FlatParameters flat(tensors);
  flat.adopt(tensors);
  tensors[0].set_data(torch::ones({3, 5}));
  flat.keep(tensors);
  EXPECT_EQ(tensors[0].const_data_ptr(), flat.views()[0].const_data_ptr());
  EXPECT_TRUE(torch::equal(flat.views()[0], torch::ones({3, 5})));
  tensors[3].set_data(torch::ones({7}, torch::kFloat64));
  EXPECT_THAT(testing::message_of([&] { flat.keep(tensors); }), HasSubstr("was moved to cpu"));
}

/// A UNet with its optimiser, channels last.
struct Trained {
  Trained() {
    SolverOptions recipe;
    recipe.map.width = 2;
    net = make_map(recipe, {3, 16, 16}, {3, 16, 16});
    nn::to_channels_last(*net);
    NamedTensors named;
    for (const auto& entry : net->named_parameters()) named.emplace_back(entry.key(), entry.value());
    adam = std::make_unique<Adam>(named, AdamOptions{});
    net->train();
  }
  torch::Tensor loss() { return net->forward(draw({2, 3, 16, 16}, 5)).square().mean(); }
  void step() {
    adam->zero_grad();
    const auto value = loss();
    value.backward();
    adam->step(1e-2, value);
  }

  std::shared_ptr<nn::MapNet> net;
  std::unique_ptr<Adam> adam;
};

TEST(FlatParameters, SurviveMovesCopiesAndLoading) {
  Trained plain, moved;
  for (int k = 0; k < 3; ++k) {
    plain.step();
    moved.net->to(torch::kCPU);
    const auto state = nn::state_dict(*moved.net);
    nn::NamedTensors copies;
    for (const auto& [name, tensor] : state) copies.emplace_back(name, tensor.detach().clone());
    nn::load_state_dict(*moved.net, copies, "test");
    for (auto& parameter : moved.net->parameters())
      parameter.set_data(parameter.detach().clone());  // as to(device) does
    moved.step();
  }
  const auto a = nn::state_dict(*plain.net), b = nn::state_dict(*moved.net);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(torch::equal(a[i].second, b[i].second)) << a[i].first;
}

// Autograd may store a gradient with other strides, or a new tensor if somebody has reset the gradient.
TEST(FlatParameters, GradientsLandInTheBufferHoweverTheyCome) {
  auto w = draw({4, 3, 3, 3}, 1).contiguous(torch::MemoryFormat::ChannelsLast).requires_grad_(true);
  const auto before = w.detach().clone();
  const auto slope = draw({4, 3, 3, 3}, 2);  // contiguous: other strides than w
  Adam adam({{"w", w}}, {.beta1 = 0, .beta2 = 0, .eps = 1e-12});
  adam.zero_grad();
  const auto place = w.grad().const_data_ptr();
  const auto loss = (w * slope).sum();
  loss.backward();
  EXPECT_EQ(w.grad().const_data_ptr(), place);
  EXPECT_TRUE(torch::equal(w.grad(), slope));
  w.mutable_grad() = slope.clone();
  adam.step(0.5, loss);
  EXPECT_EQ(w.grad().const_data_ptr(), place);
  EXPECT_LT((w.detach() - (before - 0.5 * slope.sign())).abs().max().item<double>(), 1e-5);
  w.mutable_grad().reset();
  const auto here = w.detach().clone();
  Adam fresh({{"w", w}}, {});
  fresh.step(0.5, loss);  // no path: a gradient of zero
  EXPECT_TRUE(torch::equal(w.detach(), here));
}

TEST(BatchNormBuffers, AreKeptAndPutBack) {
  Trained trained;
  BatchNormBuffers statistics(*trained.net);
  const auto values = [&] {
    std::vector<torch::Tensor> out;
    for (const auto& buffer : trained.net->buffers()) out.push_back(buffer.clone());
    return out;
  };
  const auto before = values();
  ASSERT_FALSE(before.empty());
  statistics.keep();
  trained.loss();
  const auto after = values();
  statistics.restore_if(torch::zeros({}));
  for (size_t i = 0; i < after.size(); ++i) {
    EXPECT_FALSE(torch::equal(after[i], before[i])) << i;
    EXPECT_TRUE(torch::equal(trained.net->buffers()[i], after[i])) << i;
  }
  statistics.restore_if(torch::ones({}));
  for (size_t i = 0; i < after.size(); ++i) EXPECT_TRUE(torch::equal(trained.net->buffers()[i], before[i])) << i;
}

}  // namespace
}  // namespace monge::solve

#include "monge/nn/module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/nn/mlp.h"
#include "monge/nn/seeded.h"
#include "monge/nn/unet.h"
#include "tests/support/support.h"

namespace monge::nn {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

NamedTensors copied(const torch::nn::Module& net) {
  NamedTensors out;
  for (const auto& [key, tensor] : state_dict(net)) out.emplace_back(key, tensor.detach().clone());
  return out;
}

TEST(StateDict, InterleavesParametersAndBuffersAsPyTorchDoes) {
  const UNet net({.base = 2, .depth = 1});
  std::vector<std::string> keys;
  for (const auto& [key, tensor] : state_dict(net)) keys.push_back(key);

  std::vector<std::string> expected;
  for (const std::string part : {"inc", "down1.maxpool_conv.1", "up1.conv"}) {
    for (const std::string layer :
         {"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
          "3.weight", "3.bias", "4.weight", "4.bias", "4.running_mean", "4.running_var", "4.num_batches_tracked"}) {
      expected.push_back(part + ".double_conv." + layer);
    }
  }
  expected.push_back("outc.conv.weight");
  expected.push_back("outc.conv.bias");
  EXPECT_EQ(keys, expected);
}

TEST(StateDict, MovesANetExactly) {
  UNet from({.base = 2, .depth = 2}), to({.base = 2, .depth = 2});
  const auto x = torch::randn({2, 3, 16, 16});
  from.forward(x);  // moves the running statistics
  load_state_dict(to, state_dict(from), "memory");
  from.eval();
  to.eval();
  EXPECT_TRUE(torch::equal(from.forward(x), to.forward(x)));
}

TEST(StateDict, ReportsEveryFaultInOneMessageAndLeavesTheNetAlone) {
  MlpMap net({.mlp = {.hidden = {4, 4}}});
  const auto before = copied(net);
  auto state = copied(net);
  state[0].second = torch::zeros({5, 2});
  state[1].first = "0.offset";
  state[2].second = torch::zeros({4, 4}, torch::kLong);
  const auto message = message_of([&] { load_state_dict(net, state, "old.pt"); });

  EXPECT_THAT(message,
              AllOf(HasSubstr("old.pt"), HasSubstr("1 missing (0.bias)"), HasSubstr("1 unexpected (\"0.offset\")"),
                    HasSubstr("0.weight is [5, 2], the net needs [4, 2]"), HasSubstr("2.weight is Long")));
  for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(torch::equal(before[i].second, state_dict(net)[i].second));
}

TEST(StateDict, ShortensLongLists) {
  UNet net({.base = 1});
  const auto message = message_of([&] { load_state_dict(net, {{"a", torch::zeros(1)}}, "x.pt"); });
  EXPECT_THAT(message, AllOf(HasSubstr("128 missing (inc.double_conv.0.weight, "), HasSubstr(", ...)")));
}

TEST(StateDict, RefusesAKeyThatComesTwice) {
  MlpMap net({.mlp = {.hidden = {}}});
  auto state = copied(net);
  state.push_back(state[0]);
  EXPECT_THAT(message_of([&] { load_state_dict(net, state, "x.pt"); }), HasSubstr("1 repeated (\"0.weight\")"));
}

TEST(StateDict, TakesCountersOfEitherShapeAndHalfPrecision) {
  UNet net({.base = 1, .depth = 1});
  auto state = copied(net);
  for (auto& [key, tensor] : state) {
    if (key.ends_with("num_batches_tracked")) tensor = torch::full({1}, 7, torch::kLong);
    if (key == "outc.conv.bias") tensor = torch::full({3}, 0.5, torch::kHalf);
  }
  load_state_dict(net, state, "x.pt");
  for (const auto& [key, tensor] : state_dict(net)) {
    if (key.ends_with("num_batches_tracked")) {
      EXPECT_EQ(tensor.item<int64_t>(), 7);
    }
    if (key == "outc.conv.bias") {
      EXPECT_EQ(tensor[0].item<float>(), 0.5f);
    }
  }
}

TEST(ToType, LeavesCountersIntegers) {
  UNet net({.base = 1, .depth = 1});
  to_type(net, torch::kFloat64);
  for (const auto& [key, tensor] : state_dict(net)) {
    EXPECT_EQ(tensor.scalar_type(), key.ends_with("num_batches_tracked") ? torch::kLong : torch::kFloat64) << key;
  }
  EXPECT_EQ(net.forward(torch::randn({2, 3, 8, 8}, torch::kFloat64)).scalar_type(), torch::kFloat64);
}

TEST(SeededInitialisation, RepeatsANetAndGivesTheGeneratorBack) {
  torch::manual_seed(3);
  const auto expected = torch::rand(2);
  torch::manual_seed(3);
  torch::Tensor weights[2];
  for (auto& weight : weights) {
    const SeededInitialisation seeded(11);
    weight = MlpMap({}).parameters()[0];
  }
  EXPECT_TRUE(torch::equal(weights[0], weights[1]));
  EXPECT_TRUE(torch::equal(torch::rand(2), expected));
}

}  // namespace
}  // namespace monge::nn

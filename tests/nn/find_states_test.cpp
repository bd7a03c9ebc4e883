#include "monge/nn/find_states.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/nn/infer.h"
#include "monge/nn/resnet_potential.h"
#include "monge/nn/unet.h"

namespace monge::nn {
namespace {

using ::testing::ElementsAre;

NamedTensors unet_state() { return state_dict(UNet({.in = 2, .out = 1, .base = 1, .depth = 1})); }
NamedTensors potential_state() {
  return state_dict(ResNetPotential({.size = 8, .nc = 1, .nfilter = 2, .nfilter_max = 2}));
}

void append(NamedTensors& out, const std::string& prefix, const NamedTensors& state) {
  for (const auto& [key, tensor] : state) out.emplace_back(prefix + key, tensor);
}

std::vector<std::string> keys_of(const std::vector<FoundState>& states) {
  std::vector<std::string> out;
  for (const auto& state : states) out.push_back(state.key() + (state.is_map ? " map" : " potential"));
  return out;
}

TEST(FindStates, FindsEveryNetBehindEveryPrefix) {
  NamedTensors file;
  append(file, "state_dict.net.", unet_state());
  append(file, "state_dict.f.module.", potential_state());
  append(file, "ema/", unet_state());
  file.emplace_back("optimiser.state.0.exp_avg", torch::zeros(3));
  const auto found = find_states(file);
  EXPECT_THAT(keys_of(found), ElementsAre("state_dict.net map", "ema map", "state_dict.f.module potential"));
  EXPECT_EQ(found[0].description, "map (U-net, 2 -> 1 channels, width 1, depth 1)");
  EXPECT_EQ(found[2].description, "potential (ResNet, 1 channel, width 2)");
  EXPECT_EQ(found[0].state.size(), unet_state().size());
  EXPECT_NO_THROW(map_from_state(found[0].state, "x"));
  EXPECT_NO_THROW(potential_from_state(found[2].state, "x"));
}

TEST(FindStates, GivesATensorToTheLongestPrefix) {
  NamedTensors file = unet_state();
  append(file, "ema.", unet_state());
  const auto found = find_states(file);
  EXPECT_THAT(keys_of(found), ElementsAre(" map", "ema map"));
  for (const auto& state : found) EXPECT_EQ(state.state.size(), unet_state().size());
}

TEST(FindStates, SeesThroughWrappersInsideOfKeys) {
  NamedTensors file;
  for (auto [key, tensor] : unet_state()) {
    if (key.starts_with("inc.")) key = "inc._orig_mod." + key.substr(4);
    file.emplace_back("T._fsdp_wrapped_module." + key, tensor);
  }
  const auto found = find_states(file);
  ASSERT_THAT(keys_of(found), ElementsAre("T map"));
  EXPECT_NO_THROW(map_from_state(found[0].state, "x"));
  // If two keys would become equal, all are unchanged.
  append(file, "T.", unet_state());
  EXPECT_THAT(keys_of(find_states(file)), ElementsAre("T map"));
}

TEST(FindStates, NeedsWholeNamesInFrontOfAKey) {
  NamedTensors file;
  append(file, "my", unet_state());  // "myinc.double_conv..."
  EXPECT_TRUE(find_states(file).empty());
}

TEST(FindStates, FindsAKeyByItsWholeOrByItsParts) {
  NamedTensors file;
  append(file, "T.", unet_state());
  append(file, "T_ema.module.", unet_state());
  append(file, "old.T.", unet_state());
  const auto found = find_states(file);
  EXPECT_THAT(keys_of(states_at(found, "T")), ElementsAre("T map"));
  EXPECT_THAT(keys_of(states_at(found, "T_ema")), ElementsAre("T_ema.module map"));
  EXPECT_THAT(keys_of(states_at(found, "old")), ElementsAre("old.T map"));
  EXPECT_TRUE(states_at(found, "ema").empty());
}

TEST(FindStates, ByTheKeysOfAnyNet) {
  NamedTensors file;
  for (const char* key : {"T.0.weight", "T.0.bias", "T.2.weight", "f.0.weight", "f.0.bias"})
    file.emplace_back(key, torch::zeros(1));
  EXPECT_THAT(keys_of(find_states_with(file, {"0.weight", "0.bias", "2.weight"})), ElementsAre("T map"));
  EXPECT_EQ(find_states_with(file, {"0.weight", "0.bias"}).size(), 2u);
  EXPECT_THAT(groups_of(file), ElementsAre("\"T\" (3 tensors)", "\"f\" (2 tensors)"));
}

TEST(FindStates, AllCountersMayBeMissingOrFloats) {
  const auto counter = [](const auto& entry) { return entry.first.ends_with("num_batches_tracked"); };
  auto floats = unet_state();
  for (auto& entry : floats) {
    if (counter(entry)) entry.second = torch::full({}, 7, torch::kHalf);
  }
  auto without = unet_state();
  std::erase_if(without, counter);
  for (const auto& [state, value] : {std::pair{floats, 7}, {without, 0}}) {
    for (const auto& entry : state_dict(*map_from_state(state, "x"))) {
      if (!counter(entry)) continue;
      EXPECT_EQ(entry.second.scalar_type(), torch::kInt64) << entry.first;
      EXPECT_EQ(entry.second.item<int64_t>(), value) << entry.first;
    }
  }
}

}  // namespace
}  // namespace monge::nn

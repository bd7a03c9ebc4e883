// The reader against files that PyTorch itself wrote, and against the malicious ones. Needs ../shared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/io/safetensors.h"
#include "monge/io/torch_checkpoint.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using monge::testing::message_of;
using ::testing::HasSubstr;

std::filesystem::path parity(const std::string& name) {
  return monge::testing::shared_folder() / "fixtures/parity" / name;
}

/// Same names, types and values; the expected files store scalars as [1].
void expect_values(const TensorFile& read, const TensorFile& expected) {
  ASSERT_EQ(read.tensors.size(), expected.tensors.size());
  for (const auto& [name, tensor] : read.tensors) {
    const auto& other = expected.at(name, "the expected values");
    EXPECT_EQ(tensor.scalar_type(), other.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(tensor.reshape(other.sizes()), other)) << name;
  }
}

TEST(TorchCheckpointFixtures, ZipAndLegacyHoldTheSameValues) {
  MONGE_NEEDS_SHARED("fixtures/parity/small_expected.safetensors");
  const auto expected = read_safetensors(parity("small_expected.safetensors"));
  for (const auto* name : {"zip_format.pth", "legacy_format.pth"}) {
    const auto read = read_torch_checkpoint(parity(name));
    expect_values(read, expected);
    EXPECT_EQ(read.at("t", name).sizes(), torch::IntArrayRef({3, 2})) << name;
  }
}

TEST(TorchCheckpointFixtures, IgnoresTheDevice) {
  MONGE_NEEDS_SHARED("fixtures/parity/cuda_location.pt");
  const auto expected = read_safetensors(parity("cuda_location_expected.safetensors"));
  const auto read = read_torch_checkpoint(parity("cuda_location.pt"));
  expect_values(read, expected);
  for (const auto& entry : read.tensors) EXPECT_TRUE(entry.second.is_cpu());
}

TEST(TorchCheckpointFixtures, RefusesTheEvilFilesByName) {
  MONGE_NEEDS_SHARED("fixtures/parity/evil_nested.pt");
  const std::map<std::string, std::string> names{{"evil_posix_system.pt", "\"posix.system\""},
                                                 {"evil_builtins_eval.pt", "\"builtins.eval\""},
                                                 {"evil_nested.pt", "\"os.system\""}};
  for (const auto& [file, name] : names) {
    const auto message = message_of([&, &file = file] { read_torch_checkpoint(parity(file)); });
    EXPECT_THAT(message, HasSubstr(file + ": refuses to load the Python object " + name));
  }
}

TEST(TorchCheckpointFixtures, ReadsTheStatesOfTheParityNets) {
  MONGE_NEEDS_SHARED("fixtures/parity");
  int states = 0;
  for (const auto& entry : std::filesystem::directory_iterator(parity(""))) {
    if (!entry.path().string().ends_with(".state.pt")) continue;
    const auto content = read_torch_checkpoint(entry.path());
    EXPECT_GT(content.tensors.size(), 10u) << entry.path();
    EXPECT_TRUE(content.metadata.empty()) << entry.path();
    ++states;
  }
  EXPECT_GE(states, 7);
}

TEST(TorchCheckpointFixtures, KeepsThePrefixOfDataParallel) {
  MONGE_NEEDS_SHARED("fixtures/parity/unet_c3_b2_32.dp.state.pt");
  const auto plain = read_torch_checkpoint(parity("unet_c3_b2_32.state.pt"));
  const auto parallel = read_torch_checkpoint(parity("unet_c3_b2_32.dp.state.pt"));
  ASSERT_EQ(plain.tensors.size(), parallel.tensors.size());
  for (size_t i = 0; i < plain.tensors.size(); ++i) {
    EXPECT_EQ("module." + plain.tensors[i].first, parallel.tensors[i].first);
    EXPECT_TRUE(torch::equal(plain.tensors[i].second, parallel.tensors[i].second)) << plain.tensors[i].first;
  }
}

TEST(TorchCheckpointFixtures, ReadsTheFeatureNetworks) {
  MONGE_NEEDS_SHARED("weights/alex.pth");
  const auto weights = monge::testing::shared_folder() / "weights";
  const auto heads = read_torch_checkpoint(weights / "alex.pth");
  EXPECT_EQ(heads.at("lin0.model.1.weight", "alex.pth").sizes(), torch::IntArrayRef({1, 64, 1, 1}));
  EXPECT_EQ(read_torch_checkpoint(weights / "squeeze.pth").tensors.size(), 7u);
  EXPECT_EQ(read_torch_checkpoint(weights / "vgg.pth").tensors.size(), 5u);
  const auto alexnet = read_torch_checkpoint(weights / "alexnet_features_torchvision.pth");
  EXPECT_EQ(alexnet.at("features.0.weight", "alexnet").sizes(), torch::IntArrayRef({64, 3, 11, 11}));
  EXPECT_NE(read_torch_checkpoint(weights / "squeezenet1_1_features_torchvision.pth").find("features.0.weight"),
            nullptr);
  EXPECT_THAT(message_of([&] { read_torch_checkpoint(weights / "efficientnet_lite0_features.ts"); }),
              HasSubstr("is a TorchScript program, not a checkpoint"));
}

}  // namespace
}  // namespace monge::io

#include "monge/eval/torchscript_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/types.h>

#include <fstream>
#include <thread>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using monge::testing::message_of;
using monge::testing::relative_error;
using monge::testing::ScratchFolder;
using monge::testing::shared_folder;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::filesystem::path committed_file() {
  return std::filesystem::path(MONGE_SOURCE_DIR) / "tests/fixtures/features.ts";
}

/// The net of tests/fixtures/make.py, in words of LibTorch.
torch::Tensor expected_features(const torch::Tensor& image_HWC) {
  const auto weight = (torch::arange(108).remainder(7) - 3).reshape({4, 3, 3, 3}).to(torch::kFloat32) / 16;
  const auto x = image_HWC.permute({2, 0, 1}).unsqueeze(0).to(torch::kFloat32) / 127.5 - 1;
  return torch::conv2d(x, weight, torch::arange(4).to(torch::kFloat32) / 4, 2).relu().mean({2, 3})[0];
}

std::vector<torch::Tensor> noise(std::vector<std::pair<int64_t, int64_t>> sizes) {
  const auto stream = RandomStreams(3).at("images", 0);
  std::vector<torch::Tensor> out;
  for (const auto& [height, width] : sizes)
    out.push_back(torch::randint(0, 256, {height, width, 3}, stream, torch::kUInt8));
  return out;
}

/// A module of one method, as a file.
class Script {
 public:
  explicit Script(const std::string& source) {
    torch::jit::Module module("net");
    module.define(source);
    module.save(path().string());
  }
  std::filesystem::path path() const { return folder_ / "net.ts"; }

 private:
  ScratchFolder folder_;
};

TEST(TorchScriptFeatures, OfMixedSizesComeInTheOrderOfTheImages) {
  const TorchScriptFeatures net(committed_file());
  EXPECT_EQ(net.name(), "features");
  EXPECT_EQ(net.mode(), "own");
  EXPECT_EQ(net.dim(), 4);
  EXPECT_EQ(net.hash().size(), 16u);
  const auto images = noise({{9, 12}, {5, 5}, {9, 12}, {12, 9}, {9, 12}, {9, 12}, {5, 5}, {9, 12}, {9, 12}});
  auto features = net.features(images);
  ASSERT_EQ(features.sizes(), at::IntArrayRef({9, 4}));
  for (int64_t i = 0; i < 9; ++i) EXPECT_LT(relative_error(features[i], expected_features(images[i])), 1e-6) << i;
  features.zero_();  // an ordinary tensor, not one of inference mode
}

TEST(TorchScriptFeatures, AreTheSameFromSeveralThreads) {
  const TorchScriptFeatures net(committed_file());
  const auto images = noise({{9, 12}, {5, 5}, {9, 12}});
  const auto expected = net.features(images);
  std::vector<torch::Tensor> got(4);
  {
    std::vector<std::jthread> threads;
    for (auto& features : got) threads.emplace_back([&] { features = net.features(images); });
  }
  for (const auto& features : got) EXPECT_TRUE(torch::equal(features, expected));
}

class TorchScriptFixture : public ::testing::TestWithParam<int64_t> {};

TEST_P(TorchScriptFixture, FeaturesDoNotDependOnTheNumberOfImages) {
  MONGE_NEEDS_SHARED("weights/efficientnet_lite0_features.ts");
  static const TorchScriptFeatures net(shared_folder() / "weights/efficientnet_lite0_features.ts");
  EXPECT_EQ(net.name(), "efficientnet_lite0_features");
  EXPECT_EQ(net.dim(), 1280);
  auto images = noise(std::vector<std::pair<int64_t, int64_t>>(static_cast<size_t>(GetParam()), {64, 64}));
  static const auto alone = net.features({images[0]});  // the same first image for every number
  const auto features = net.features(images);
  EXPECT_LT(relative_error(features.slice(0, 0, 1), alone), 1e-6);
  const auto last = net.features({images.back()});
  EXPECT_LT(relative_error(features.slice(0, -1), last), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Numbers, TorchScriptFixture, ::testing::Values(1, 7, 64));

TEST(TorchScriptFeatures, RefuseAFileThatIsNone) {
  const ScratchFolder folder;
  std::ofstream(folder / "text.ts") << "not a program";
  EXPECT_THAT(message_of([&] { TorchScriptFeatures(folder / "text.ts"); }),
              AllOf(HasSubstr("not a TorchScript file"), HasSubstr("text.ts"), HasSubstr("torch.jit.save")));
  EXPECT_THAT(message_of([&] { TorchScriptFeatures(folder / "absent.ts"); }), HasSubstr("absent.ts"));
  const auto checkpoint = std::filesystem::path(MONGE_SOURCE_DIR) / "tests/fixtures/zip.pt";
  EXPECT_THAT(message_of([&] { TorchScriptFeatures{checkpoint}; }),
              AllOf(HasSubstr("not a TorchScript file"), HasSubstr("zip.pt")));
  EXPECT_THAT(message_of([] { TorchScriptFeatures(Script("def run(self, x):\n  return x\n").path()); }),
              HasSubstr("no method forward"));
}

TEST(TorchScriptFeatures, RefuseANetThatGivesNoRows) {
  const auto message = [](const std::string& body) {
    const Script script("def forward(self, x):\n  " + body + "\n");
    return message_of([&] { TorchScriptFeatures{script.path()}; });
  };
  EXPECT_THAT(message("return x"),
              AllOf(HasSubstr("does not return one row of features for each of 2 images"), HasSubstr("net.ts"),
                    HasSubstr("Float [2, 3, 64, 64]"), HasSubstr("floats [2, F]")));
  EXPECT_THAT(message("return x.mean([0, 2])"), HasSubstr("Float [3, 64]"));
  EXPECT_THAT(message("return x.flatten(1).long()"), HasSubstr("Long [2, 12288]"));
  EXPECT_THAT(message("return (x, x)"), HasSubstr("Tuple"));
  EXPECT_THAT(message("return x.reshape([2, 7])"), AllOf(HasSubstr("the net fails"), HasSubstr("[2, 3, 64, 64]")));
  EXPECT_THAT(message("return torch.rand_like(x.mean([2, 3]))"),
              HasSubstr("computes different features when it is called again"));
  EXPECT_THAT(message("return x.mean([2, 3]) / 0"), AllOf(HasSubstr("not finite"), HasSubstr("net, image 0")));
}

TEST(TorchScriptFeatures, RefuseWhatGoesWrongLater) {
  const Script flat("def forward(self, x):\n  return x.flatten(1)\n");
  const TorchScriptFeatures by_size(flat.path());
  EXPECT_THAT(message_of([&] { by_size.features(noise({{64, 64}, {8, 9}})); }),
              AllOf(HasSubstr("216 features"), HasSubstr("8 x 9"), HasSubstr("12288")));
  const Script poles("def forward(self, x):\n  return 1 / (x.mean([2, 3]) - 7)\n");
  const TorchScriptFeatures net(poles.path());
  auto images = noise({{4, 4}, {4, 4}, {4, 4}});
  images[1].fill_(7);
  EXPECT_THAT(message_of([&] { net.features(images); }),
              AllOf(HasSubstr("1 of 3 images are not finite"), HasSubstr("net, image 1")));
  EXPECT_THAT(message_of([&] { net.features({torch::zeros({3, 4, 4}, torch::kUInt8)}); }), HasSubstr("net, image 0"));
}

/// Nets made for one size are probed at several.
TEST(TorchScriptFeatures, LearnTheWidthOfANetOfOneSize) {
  const Script script("def forward(self, x):\n  return x.view([-1, 3 * 224 * 224])[:, :10]\n");
  EXPECT_EQ(TorchScriptFeatures(script.path()).dim(), 10);
}

}  // namespace
}  // namespace monge::eval

#include "monge/eval/lpips.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/eval/weights.h"
#include "monge/io/image.h"
#include "monge/io/safetensors.h"
#include "monge/io/torch_checkpoint.h"
#include "tests/support/support.h"
#include "tests/support/synthetic_lpips.h"

namespace monge::eval {
namespace {

using monge::testing::message_of;
using monge::testing::relative_error;
using monge::testing::ScratchFolder;
using monge::testing::shared_folder;
using ::testing::AllOf;
using ::testing::HasSubstr;

// ---- The numbers of the lpips package, with torchvision's weights.

/// In ../shared/weights, or where `monge` looks: VGG16 is not shared, and is taken from MONGE_WEIGHTS or the user's
/// cache.
FoundWeights trunk_file(const std::string& net) {
  const auto folders = weights_folders(shared_folder() / "weights");
  return locate_weights(weights_named({net}).at(1), folders);
}

SignedImages image(const std::string& name) {
  const auto image = io::to_rgb(io::read_image(shared_folder() / "fixtures/lpips" / (name + ".png")));
  return SignedImages::from_bytes(image.unsqueeze(0));
}

class LpipsGoldens : public ::testing::TestWithParam<std::string> {};

TEST_P(LpipsGoldens, HoldInAllAndPerLayer) {
  MONGE_NEEDS_SHARED("fixtures/lpips");
  MONGE_NEEDS_SHARED("weights");
  const auto net = GetParam();
  const auto trunk = trunk_file(net);
  if (trunk.status != FoundWeights::present)
    GTEST_SKIP() << "needs the weights of the trunk of " << net << " in a folder of MONGE_WEIGHTS (docs/weights.md)";
  std::ifstream file(shared_folder() / "fixtures/lpips/golden.json");
  const auto golden = nlohmann::json::parse(file)["values"][net]["float64"];
  const Lpips lpips(lpips_net_named(net), trunk.path, shared_folder() / "weights" / (net + ".pth"));
  const auto ref = image("ex_ref"), p0 = image("ex_p0"), p1 = image("ex_p1");
  const double tolerance = 2e-6;  // float32; the package's own float32 differs from float64 by 1e-7
  EXPECT_NEAR(lpips.distance(ref, p0).item<double>(), golden["d(ref,p0)"].get<double>(), tolerance);
  EXPECT_NEAR(lpips.distance(ref, p1).item<double>(), golden["d(ref,p1)"].get<double>(), tolerance);
  EXPECT_NEAR(lpips.distance(p0, p1).item<double>(), golden["d(p0,p1)"].get<double>(), tolerance);
  EXPECT_EQ(lpips.distance(ref, ref).item<double>(), 0);
  const auto layers = golden["per_layer d(ref,p0)"].get<std::vector<double>>();
  EXPECT_LT(relative_error(lpips.distance_by_layer(ref, p0)[0], torch::tensor(layers, torch::kFloat64)), tolerance);
}

INSTANTIATE_TEST_SUITE_P(Nets, LpipsGoldens, ::testing::Values("alex", "squeeze", "vgg"),
                         [](const auto& info) { return info.param; });

// ---- The numbers of an independent implementation (tests/fixtures/make_features.py), with weights that a formula
// gives.

class LpipsOfAFormula : public ::testing::TestWithParam<std::string> {};

TEST_P(LpipsOfAFormula, HoldsInAllAndPerLayer) {
  const auto lpips = monge::testing::synthetic_lpips(lpips_net_named(GetParam()));
  const auto fixtures = monge::testing::fixtures_folder() / "features";
  const auto images = io::read_safetensors(fixtures / "images.safetensors");
  const auto ref = images.at("lpips/ref", "images"), p0 = images.at("lpips/p0", "images"),
             p1 = images.at("lpips/p1", "images");
  const auto one = SignedImages::from_bytes(torch::stack({ref, ref, p0}));
  const auto other = SignedImages::from_bytes(torch::stack({p0, p1, p1}));
  const auto golden = io::read_safetensors(fixtures / "lpips.safetensors").at(GetParam() + "/by_layer", "lpips");
  const auto by_layer = lpips->distance_by_layer(one, other);
  for (int64_t pair = 0; pair < 3; ++pair) {
    EXPECT_LT(relative_error(by_layer[pair], golden[pair]), 3e-6) << pair;  // float32: up to 4e-7 by PyTorch
  }
  EXPECT_LT(relative_error(lpips->distance(one, other), golden.sum(1)), 3e-6);
}

INSTANTIATE_TEST_SUITE_P(Nets, LpipsOfAFormula, ::testing::Values("alex", "squeeze", "vgg"),
                         [](const auto& info) { return info.param; });

// ---- What holds for any weights.

/// A trunk and heads with random weights, as files.
class RandomLpips {
 public:
  explicit RandomLpips(LpipsNet net) : net_(net) {
    const auto stream = RandomStreams(7).at("weights", 0);
    for (const auto& [key, shape] : LpipsTrunk::shapes(net)) {
      int64_t fan_in = 1;
      for (size_t i = 1; i < shape.size(); ++i) fan_in *= shape[i];
      const double scale = shape.size() == 1 ? 0.1 : std::sqrt(2 / static_cast<double>(fan_in));
      trunk.tensors.emplace_back(key, torch::randn(shape, stream) * scale);
    }
    for (const int64_t channels : LpipsTrunk::tap_channels(net)) {
      heads.tensors.emplace_back("lin" + std::to_string(heads.tensors.size()) + ".model.1.weight",
                                 torch::rand({1, channels, 1, 1}, stream));
    }
  }

  Lpips load() const {
    io::write_torch_checkpoint(folder_ / "trunk.pth", trunk);
    io::write_torch_checkpoint(folder_ / "heads.pth", heads);
    return Lpips(net_, folder_ / "trunk.pth", folder_ / "heads.pth");
  }

  io::TensorFile trunk, heads;

 private:
  LpipsNet net_;
  ScratchFolder folder_;
};

SignedImages noise(std::vector<int64_t> shape, int64_t step = 0) {
  return SignedImages::from_signed(torch::rand(shape, RandomStreams(8).at("images", step)) * 2 - 1);
}

TEST(Lpips, IsSymmetricAndZeroForEqualImages) {
  const auto lpips = RandomLpips(LpipsNet::squeeze).load();
  const auto a = noise({3, 3, 40, 33}), b = noise({3, 3, 40, 33}, 1);
  const auto there = lpips.distance(a, b);
  EXPECT_TRUE(torch::equal(there, lpips.distance(b, a)));
  EXPECT_TRUE(torch::equal(lpips.distance(a, a), torch::zeros({3})));
  EXPECT_GT(there.min().item<double>(), 0);
  EXPECT_LT(relative_error(lpips.distance(a.slice(1, 2), b.slice(1, 2)), there.slice(0, 1, 2)), 1e-6);
  EXPECT_EQ(lpips.name(), "lpips-squeeze");
  EXPECT_EQ(lpips.hash().size(), 16u);
}

TEST(Lpips, TakesAWholeNetAndIgnoresItsClassifier) {
  RandomLpips random(LpipsNet::squeeze);
  const auto a = noise({1, 3, 32, 32}), b = noise({1, 3, 32, 32}, 1);
  const auto expected = random.load().distance(a, b);
  random.trunk.tensors.emplace_back("classifier.1.weight", torch::ones({4, 512, 1, 1}));
  EXPECT_TRUE(torch::equal(random.load().distance(a, b), expected));
}

TEST(Lpips, SaysWhatDoesNotFit) {
  RandomLpips random(LpipsNet::squeeze);
  const auto lpips = random.load();
  EXPECT_THAT(message_of([&] { lpips.distance(noise({1, 3, 16, 64}), noise({1, 3, 16, 64})); }),
              AllOf(HasSubstr("16 x 64"), HasSubstr("\"squeeze\""), HasSubstr("17 x 17 or more")));
  EXPECT_THAT(message_of([&] { lpips.distance(noise({1, 3, 32, 32}), noise({2, 3, 32, 32})); }),
              HasSubstr("the same number of images"));

  auto wrong = RandomLpips(LpipsNet::squeeze);
  wrong.trunk.tensors[0].second = torch::zeros({64, 3, 11, 11});
  EXPECT_THAT(message_of([&] { wrong.load(); }), AllOf(HasSubstr("features.0.weight"), HasSubstr("trunk.pth"),
                                                       HasSubstr("[64, 3, 11, 11]"), HasSubstr("[64, 3, 3, 3]")));
  wrong.trunk.tensors.erase(wrong.trunk.tensors.begin());
  EXPECT_THAT(message_of([&] { wrong.load(); }),
              AllOf(HasSubstr("no tensor \"features.0.weight\""), HasSubstr("trunk.pth")));
  random.heads.tensors.pop_back();
  EXPECT_THAT(message_of([&] { random.load(); }), AllOf(HasSubstr("lin6.model.1.weight"), HasSubstr("heads.pth")));
  EXPECT_THAT(message_of([] { lpips_net_named("alexnet"); }),
              AllOf(HasSubstr("alex, squeeze, vgg"), HasSubstr("alexnet")));
}

TEST(LpipsTrunk, OfVggHasTheKeysOfTorchvision) {
  std::vector<std::string> keys;
  for (const auto& [key, shape] : LpipsTrunk::shapes(LpipsNet::vgg)) {
    if (shape.size() == 4) keys.push_back(key + text(' ', shape[0]));
  }
  EXPECT_THAT(keys, ::testing::ElementsAre("features.0.weight 64", "features.2.weight 64", "features.5.weight 128",
                                           "features.7.weight 128", "features.10.weight 256", "features.12.weight 256",
                                           "features.14.weight 256", "features.17.weight 512", "features.19.weight 512",
                                           "features.21.weight 512", "features.24.weight 512", "features.26.weight 512",
                                           "features.28.weight 512"));
}

/// What torch.nn itself says about the least size: below it a pooling or convolution throws.
TEST(LpipsTrunk, KnowsItsLeastSize) {
  for (const auto& [net, least] : {std::pair{LpipsNet::alex, 31}, {LpipsNet::squeeze, 17}, {LpipsNet::vgg, 16}}) {
    const io::TensorFile state = [net = net] {
      io::TensorFile out;
      for (const auto& [key, shape] : LpipsTrunk::shapes(net)) out.tensors.emplace_back(key, torch::zeros(shape));
      return out;
    }();
    const LpipsTrunk trunk(net, state, name_of(net));
    EXPECT_EQ(trunk.least_size(), least) << name_of(net);
    EXPECT_NO_THROW(trunk.taps(torch::zeros({1, 3, least, least}))) << name_of(net);
    EXPECT_ANY_THROW(trunk.taps(torch::zeros({1, 3, least - 1, least - 1}))) << name_of(net);
    const auto channels = LpipsTrunk::tap_channels(net);
    const auto taps = trunk.taps(torch::zeros({1, 3, 64, 64}));
    ASSERT_EQ(taps.size(), channels.size());
    for (size_t i = 0; i < taps.size(); ++i) EXPECT_EQ(taps[i].size(1), channels[i]);
  }
}

}  // namespace
}  // namespace monge::eval

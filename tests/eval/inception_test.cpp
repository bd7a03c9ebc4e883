#include "monge/eval/inception.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "monge/core/random.h"
#include "monge/eval/inception_net.h"
#include "monge/io/npy.h"
#include "monge/io/safetensors.h"
#include "monge/io/torch_checkpoint.h"
#include "tests/support/support.h"
#include "tests/support/synthetic_weights.h"

namespace monge::eval {
namespace {

using monge::testing::message_of;
using monge::testing::relative_error;
using monge::testing::ScratchFolder;
using monge::testing::shared_folder;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// The weights with which the goldens were made.
io::TensorFile synthetic_state() {
  io::TensorFile out{nn::state_dict(InceptionNet())};
  monge::testing::fill_synthetic(out);
  return out;
}

const io::TensorFile& synthetic() {
  static const auto state = synthetic_state();
  return state;
}

/// The synthetic weights as a file, once for all tests.
const std::filesystem::path& synthetic_file() {
  static const ScratchFolder folder;
  static const auto path = [] {
    const auto out = folder / "inception.pth";
    io::write_torch_checkpoint(out, synthetic());
    return out;
  }();
  return path;
}

const InceptionFeatures& clean_net() {
  static const InceptionFeatures net(synthetic_file());
  return net;
}

const InceptionFeatures& legacy_net() {
  static const InceptionFeatures net(synthetic_file(), InceptionMode::legacy);
  return net;
}

std::vector<torch::Tensor> images_of(const torch::Tensor& images_NHWC) {
  std::vector<torch::Tensor> out;
  for (int64_t i = 0; i < images_NHWC.size(0); ++i) out.push_back(images_NHWC[i]);
  return out;
}

torch::Tensor golden(const std::string& name) {
  return io::read_npy(shared_folder() / "fixtures/fid" / (name + ".npy"));
}

TEST(InceptionGoldens, KeysAndWeightsAreThoseOfTheFile) {
  MONGE_NEEDS_SHARED("fixtures/fid");
  std::ifstream file(shared_folder() / "fixtures/fid/keys.json");
  const auto entries = nlohmann::json::parse(file);
  ASSERT_EQ(entries.size(), 566u);
  ASSERT_EQ(synthetic().tensors.size(), entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto& [key, tensor] = synthetic().tensors[i];
    EXPECT_EQ(key, entries[i]["key"].get<std::string>());
    EXPECT_EQ(tensor.sizes().vec(), entries[i]["shape"].get<std::vector<int64_t>>()) << key;
  }
  std::ifstream goldens(shared_folder() / "fixtures/fid/golden.json");
  const auto checks = nlohmann::json::parse(goldens)["weights_check"];
  for (const auto& [key, check] : checks.items()) {
    const auto values = synthetic().at(key, "synthetic").flatten().to(torch::kFloat64);
    EXPECT_DOUBLE_EQ(values[0].item<double>(), check[0].get<double>()) << key;
    EXPECT_DOUBLE_EQ(values[-1].item<double>(), check[1].get<double>()) << key;
    EXPECT_NEAR(values.sum().item<double>(), check[2].get<double>(), 1e-8) << key;
  }
}

// float32 of another order of sums differs by 3.5e-7 from float64 (README of the goldens).
TEST(InceptionGoldens, LegacyFeaturesAndBlocksHold) {
  MONGE_NEEDS_SHARED("fixtures/fid");
  const auto& inception = legacy_net();
  const auto images = images_of(golden("images_uint8_4x64x64x3"));
  const auto features = inception.features(images);
  EXPECT_LT(relative_error(features, golden("pool3_float64_4x2048")), 3e-6);

  InceptionNet net;
  net.load(synthetic().tensors, "synthetic");
  const at::NoGradGuard no_grad;
  const auto x = inception.prepared(images);
  const auto blocks = net.blocks(x);  // not folded
  ASSERT_EQ(blocks.size(), 4u);
  EXPECT_EQ(blocks[0].sizes(), at::IntArrayRef({4, 64, 73, 73}));
  EXPECT_EQ(blocks[1].sizes(), at::IntArrayRef({4, 192, 35, 35}));
  EXPECT_EQ(blocks[2].sizes(), at::IntArrayRef({4, 768, 17, 17}));
  EXPECT_LT(relative_error(blocks[0].mean({2, 3}), golden("block64_channel_means_float64_4x64")), 3e-6);
  EXPECT_LT(relative_error(blocks[1].mean({2, 3}), golden("block192_channel_means_float64_4x192")), 3e-6);
  EXPECT_LT(relative_error(blocks[2].mean({2, 3}), golden("block768_channel_means_float64_4x768")), 3e-6);
  EXPECT_LT(relative_error(features, blocks[3].flatten(1)), 3e-6) << "folding changed the features";
}

// Small goldens of an independent implementation (tests/fixtures/make_features.py), stored in float32.
TEST(Inception, HasTheKeysOfThePublicFile) {
  std::ifstream file(monge::testing::fixtures_folder() / "features/inception.keys");
  size_t lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    ASSERT_LT(lines, synthetic().tensors.size());
    const auto& [key, tensor] = synthetic().tensors[lines];
    std::ostringstream own;
    own << key;
    for (const int64_t size : tensor.sizes()) own << ' ' << size;
    EXPECT_EQ(own.str(), line);
  }
  EXPECT_EQ(lines, 566u);
  EXPECT_EQ(lines, synthetic().tensors.size());
}

TEST(Inception, HasTheFeaturesOfAnIndependentImplementation) {
  const auto folder = monge::testing::fixtures_folder() / "features";
  const auto goldens = io::read_safetensors(folder / "inception.safetensors");
  const auto inputs = io::read_safetensors(folder / "images.safetensors");
  const auto expected = [&](const char* key) { return goldens.at(key, "inception.safetensors"); };
  const std::vector<torch::Tensor> images = {inputs.at("inception/0", "images"), inputs.at("inception/1", "images")};
  EXPECT_LT(relative_error(legacy_net().features(images), expected("pool3_legacy")), 3e-6);
  // The resized images agree to 1e-4 of 255 (resize_test.cpp).
  EXPECT_LT(relative_error(clean_net().features(images), expected("pool3_clean")), 1e-5);
  InceptionNet net;
  net.load(synthetic().tensors, "synthetic");
  const at::NoGradGuard no_grad;
  const auto blocks = net.blocks(legacy_net().prepared(images));  // not folded
  EXPECT_LT(relative_error(blocks.at(0).mean({2, 3}), expected("block64_means")), 3e-6);
  EXPECT_LT(relative_error(blocks.at(1).mean({2, 3}), expected("block192_means")), 3e-6);
  EXPECT_LT(relative_error(blocks.at(2).mean({2, 3}), expected("block768_means")), 3e-6);
}

/// The batch is cut into pieces, and images of other sizes lie between.
TEST(Inception, FeaturesDependOnTheImageAlone) {
  const auto stream = RandomStreams(1).at("images", 0);
  const auto& inception = clean_net();
  EXPECT_EQ(inception.name(), "inception");
  EXPECT_EQ(inception.mode(), "clean");
  EXPECT_EQ(inception.dim(), 2048);
  EXPECT_EQ(inception.hash().size(), 16u);
  const auto first = torch::randint(0, 256, {20, 31, 3}, stream, torch::kUInt8),
             second = torch::randint(0, 256, {320, 300, 3}, stream, torch::kUInt8);
  auto both = inception.features({first, second});
  EXPECT_EQ(both.sizes(), at::IntArrayRef({2, 2048}));
  EXPECT_LT(relative_error(both[0], inception.features({first})[0]), 1e-6);
  EXPECT_LT(relative_error(both[1], inception.features({second})[0]), 1e-6);
  EXPECT_TRUE(torch::equal(both, inception.features({first, second})));
  both.zero_();  // an ordinary tensor, not one of inference mode
}

TEST(Inception, ModesPrepareAsTheirFormulasSay) {
  const auto &clean = clean_net(), &legacy = legacy_net();
  // At the net's own size nothing is resized.
  const auto image = torch::randint(0, 256, {299, 299, 3}, RandomStreams(2).at("image", 0), torch::kUInt8);
  const auto planes = image.permute({2, 0, 1}).to(torch::kFloat32);
  EXPECT_TRUE(torch::equal(clean.prepared({image})[0], (planes - 128) / 128));
  EXPECT_TRUE(torch::allclose(legacy.prepared({image})[0], planes / 127.5 - 1, 0, 1e-6));
  // A step: the bicubic filter overshoots and nothing clips it, the bilinear one does not.
  auto step = torch::zeros({8, 8, 3}, torch::kUInt8);
  step.slice(1, 4).fill_(255);
  EXPECT_LT(clean.prepared({step})[0].min().item<double>(), -1.01);
  EXPECT_GT(clean.prepared({step})[0].max().item<double>(), 1.01);
  EXPECT_EQ(legacy.prepared({step})[0].min().item<double>(), -1);
  EXPECT_EQ(clean.prepared({step})[0].sizes(), at::IntArrayRef({3, 299, 299}));
  EXPECT_EQ(clean.hash(), legacy.hash());
}

TEST(Inception, TakesFilesWithoutCountersAndClassifier) {
  io::TensorFile old;
  for (const auto& entry : synthetic().tensors) {
    if (!entry.first.ends_with("num_batches_tracked") && !entry.first.starts_with("fc.")) old.tensors.push_back(entry);
  }
  InceptionNet net;
  EXPECT_NO_THROW(net.load(old.tensors, "old"));
}

TEST(Inception, SaysWhatIsWrongWithAFile) {
  const ScratchFolder folder;
  const auto refused = [&](const io::TensorFile& state) {
    io::write_torch_checkpoint(folder / "wrong.pth", state);
    return message_of([&] { InceptionFeatures(folder / "wrong.pth"); });
  };
  EXPECT_THAT(refused({{{"weight", torch::zeros({2})}}}),
              AllOf(HasSubstr("wrong.pth"), HasSubstr("Conv2d_1a_3x3.conv.weight"),
                    HasSubstr("1 unexpected (\"weight\")"), HasSubstr("pt_inception-2015-12-05-6726825d.pth")));
  auto state = synthetic();
  for (auto& [key, tensor] : state.tensors) {
    if (key == "Mixed_6e.branch7x7_2.conv.weight") tensor = torch::zeros({192, 192, 7, 1});
  }
  InceptionNet net;
  EXPECT_THAT(message_of([&] { net.load(state.tensors, "wrong.pth"); }),
              HasSubstr("Mixed_6e.branch7x7_2.conv.weight is [192, 192, 7, 1], the net needs [192, 192, 1, 7]"));
  EXPECT_THAT(message_of([&] { InceptionFeatures(folder / "absent.pth"); }), HasSubstr("absent.pth"));
  EXPECT_THAT(message_of([] { inception_mode_named("clear"); }), AllOf(HasSubstr("clean, legacy"), HasSubstr("clear")));
  EXPECT_THAT(message_of([&] { net.forward(torch::zeros({1, 3, 64, 64})); }), HasSubstr("75 x 75"));
}

TEST(Inception, RefusesWhatIsNoImage) {
  const auto& inception = clean_net();
  const auto good = torch::zeros({4, 4, 3}, torch::kUInt8);
  EXPECT_THAT(message_of([&] { inception.features({}); }), HasSubstr("the list of images is empty"));
  EXPECT_THAT(message_of([&] { inception.features({good, torch::zeros({4, 4, 3})}); }),
              AllOf(HasSubstr("inception, image 1"), HasSubstr("Float [4, 4, 3]"), HasSubstr("uint8 RGB [H, W, 3]")));
  EXPECT_THAT(message_of([&] { inception.features({torch::zeros({4, 4, 1}, torch::kUInt8)}); }),
              HasSubstr("[4, 4, 1]"));
}

TEST(FeatureNet, NamesTheImageWhoseFeaturesAreNotFinite) {
  auto features = torch::zeros({3, 2});
  EXPECT_NO_THROW(check_finite_features(features, "net"));
  features[1][0] = NAN;
  features[2][1] = INFINITY;
  EXPECT_THAT(message_of([&] { check_finite_features(features, "net"); }),
              AllOf(HasSubstr("2 of 3 images are not finite"), HasSubstr("net, image 1"), HasSubstr("weight file")));
}

}  // namespace
}  // namespace monge::eval

#include "monge/model/tiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/random.h"
#include "monge/nn/unet.h"
#include "tests/support/support.h"

namespace monge::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Returns channels [first, first + 3) of its input, and records what it was given.
class ChannelsNet : public nn::MapNet {
 public:
  explicit ChannelsNet(int64_t first = 0) : first_(first) { register_parameter("none", torch::zeros({1})); }
  torch::Tensor forward(const torch::Tensor& input) override {
    inputs.push_back(input.clone());
    return input.narrow(1, first_, 3);
  }
  std::vector<torch::Tensor> inputs;

 private:
  int64_t first_;
};

Model map_of(std::shared_ptr<nn::MapNet> net, const nn::ImageSizes& sizes) {
  Model out;
  out.origin = "a map";
  out.net = std::move(net);
  out.item_shape = {3, 0, 0};
  out.sizes = sizes;
  return out;
}

/// A U-net with random weights, whose batch norms have seen images.
Model random_unet(const std::string& norm = "batch", int64_t patch = 1) {
  torch::manual_seed(3);
  const nn::UNetOptions options{.base = 8, .depth = 2, .norm = norm, .patch = patch};
  auto net = std::make_shared<nn::UNet>(options);
  const torch::NoGradGuard no_grad;
  for (int i = 0; i < 20; ++i) net->forward(torch::randn({4, 3, 32, 32}));
  net->eval();
  return map_of(net, nn::image_sizes(options));
}

/// A picture with broad shades and fine detail.
torch::Tensor scene(int64_t height, int64_t width) {
  const auto y = torch::arange(height).to(torch::kFloat32).view({1, height, 1}),
             x = torch::arange(width).to(torch::kFloat32).view({1, 1, width});
  const auto phase = torch::tensor({0.0F, 1.0F, 2.0F}).view({3, 1, 1});
  const auto broad = (y / 37 + x / 53 + phase).sin() * 0.6, fine = (y / 2 + phase).sin() * (x / 3).cos() * 0.3;
  return (broad + fine).unsqueeze(0);
}

/// The mean absolute step from each column to the next, [W - 1].
torch::Tensor mean_steps(const torch::Tensor& image_1CHW) {
  return image_1CHW.diff(1, 3).abs().mean(torch::IntArrayRef({0, 1, 2}));
}

TEST(TileAxis, CoversTheAxisByTheFewestShortTilesThatBeginAtMultiples) {
  const auto one = tile_axis(50, 64, {.multiple = 8});
  EXPECT_THAT(one.begins, ElementsAre(0));
  EXPECT_EQ(one.length, 56);
  EXPECT_TRUE(torch::equal(one.weights[0], torch::ones({56})));

  const auto several = tile_axis(203, 64, {.multiple = 8});
  EXPECT_EQ(several.padded(), 208);
  EXPECT_EQ(several.length, 64);
  EXPECT_THAT(several.begins, ElementsAre(0, 48, 96, 144));

  EXPECT_EQ(tile_axis(3, 64, {.multiple = 8, .least = 16}).length, 16);
  EXPECT_EQ(tile_axis(100, 1, {.multiple = 16, .least = 48}).length, 64);  // 1 pixel is raised to 4 multiples
}

TEST(TileAxis, OverlapsByTheReachOfTheNet) {
  const auto axis = tile_axis(300, 64, {.multiple = 8, .reach = 45});
  EXPECT_EQ(axis.length, 96);  // 64 is raised to twice the overlap
  EXPECT_THAT(axis.begins, ElementsAre(0, 40, 80, 120, 160, 208));
  Model model;
  model.sizes = {.multiple = 16, .reach = 137};
  EXPECT_EQ(tile_side(model, 0), 560);  // 4 * 137, rounded up
  EXPECT_EQ(tile_side(model, 64), 288);
  EXPECT_EQ(tile_side(model, 1000), 1008);
  model.sizes->reach = 10;
  EXPECT_EQ(tile_side(model, 0), 512);
}

TEST(TileAxis, WeightsSumToOneAndVanishAtTheCuts) {
  for (const int64_t pixels : {65, 100, 203, 517}) {
    const auto axis = tile_axis(pixels, 64, {.multiple = 8});
    ASSERT_GT(axis.begins.size(), 1u);
    auto sum = torch::zeros({axis.padded()});
    for (size_t k = 0; k < axis.begins.size(); ++k) {
      EXPECT_EQ(axis.begins[k] % 8, 0);
      EXPECT_LE(axis.length, 64);
      sum.narrow(0, axis.begins[k], axis.length) += axis.weights[k];
      if (k > 0) EXPECT_EQ(axis.weights[k][0].item<float>(), 0);
      if (k + 1 < axis.begins.size()) EXPECT_EQ(axis.weights[k][-1].item<float>(), 0);
      EXPECT_LT(axis.weights[k].diff().abs().max().item<double>(), 0.15);  // no step
    }
    EXPECT_TRUE(torch::allclose(sum, torch::ones_like(sum), 0, 1e-6)) << pixels;
  }
}

TEST(Tiles, OfAMapThatChangesNothingGiveTheImageBack) {
  const auto net = std::make_shared<ChannelsNet>();
  const auto model = map_of(net, {.multiple = 8, .least = 16});
  const auto x = torch::rand({1, 3, 131, 90});
  std::vector<int64_t> done;
  const auto y = outputs_in_tiles(model, x, {.side = 40, .proceed = [&](int64_t begin, int64_t total) {
                                               done.push_back(begin);
                                               return total == 5 * 4;
                                             }});
  EXPECT_TRUE(torch::allclose(y, x, 0, 1e-6));
  EXPECT_EQ(done.size(), net->inputs.size());
  for (const auto& input : net->inputs) {
    EXPECT_LE(input.size(0) * input.size(2) * input.size(3), 40 * 40);  // bounds the memory
    EXPECT_EQ(input.size(2) % 8, 0);
    EXPECT_EQ(input.size(3) % 8, 0);
  }
  EXPECT_FALSE(outputs_in_tiles(model, x, {.proceed = [](int64_t, int64_t) { return false; }}).defined());
}

TEST(Tiles, OfASmallImageArePaddedByReflection) {
  const auto net = std::make_shared<ChannelsNet>();
  const auto x = torch::arange(15).to(torch::kFloat32).view({1, 1, 3, 5}).expand({1, 3, 3, 5});
  EXPECT_TRUE(torch::equal(outputs_in_tiles(map_of(net, {.multiple = 4, .least = 8}), x), x));
  const auto seen = net->inputs.at(0);
  ASSERT_EQ(seen.sizes(), torch::IntArrayRef({1, 3, 8, 8}));
  EXPECT_TRUE(torch::equal(seen[0][0][0], torch::tensor({0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 3.0F, 2.0F, 1.0F})));
  EXPECT_TRUE(torch::equal(seen[0][0].select(1, 0), torch::tensor({0.0F, 5.0F, 10.0F, 5.0F, 0.0F, 5.0F, 10.0F, 5.0F})));
  EXPECT_TRUE(torch::equal(outputs_in_tiles(map_of(net, {.multiple = 4}), x.narrow(2, 0, 1).narrow(3, 0, 1)),
                           torch::zeros({1, 3, 1, 1})));  // a single pixel is repeated
}

TEST(Tiles, TakeTheNoiseOfTheWholeImage) {
  auto model = map_of(std::make_shared<ChannelsNet>(3), {.multiple = 8});
  model.noise = {.samples_per_input = 1, .channels = 3, .std = 1.0};
  const auto x = torch::zeros({1, 3, 100, 75});
  const auto noise = [&](int64_t side) {
    return outputs_in_tiles(model, model.inputs(x, 1, RandomStreams(1).at("z", 0)), {.side = side});
  };
  EXPECT_GT(noise(200).std().item<double>(), 0.9);
  EXPECT_TRUE(torch::allclose(noise(32), noise(200), 0, 1e-5));
}

TEST(Tiles, NeedAMapThatTakesAnySize) {
  auto model = map_of(std::make_shared<ChannelsNet>(), {});
  model.sizes.reset();
  EXPECT_THAT(testing::message_of([&] { outputs_in_tiles(model, torch::zeros({1, 3, 8, 8})); }),
              HasSubstr("a map: the map takes images of one size"));
  model.item_shape = {3, 8, 8};
  EXPECT_THAT(testing::message_of([&] { model.at_any_size(); }), HasSubstr("[3, 8, 8] and no other size"));
}

TEST(Tiles, OfOneTileAreWhatTheNetGives) {
  const auto model = random_unet();
  const auto x = scene(64, 96);
  EXPECT_TRUE(torch::equal(outputs_in_tiles(model, x), model.outputs(x)));
}

// The tiles of a net with batch norm agree, apart from what its zero padding and its upsampling (align_corners) do at
// their edges. The steps between columns at cuts lie within those elsewhere.
TEST(Tiles, ShowNoSeams) {
  for (const int64_t patch : {1, 2}) {
    const auto model = random_unet("batch", patch);
    const int64_t width = 230 * patch, side = 64 * patch;
    const auto x = scene(150, width);
    const auto whole = outputs_in_tiles(model, x, {.side = 512}), tiled = outputs_in_tiles(model, x, {.side = side});
    EXPECT_LT((tiled - whole).abs().mean().item<double>(), 0.05 * whole.std().item<double>()) << patch;

    const auto axis = tile_axis(width, side, *model.sizes);
    ASSERT_EQ(axis.begins.size(), 7u);
    const auto steps = mean_steps(tiled);
    double at_cuts = 0;
    auto elsewhere = steps.clone();
    for (const int64_t begin : axis.begins) {
      for (const int64_t cut : {begin, begin + axis.length}) {
        if (cut < 1 || cut >= width) continue;
        at_cuts = std::max(at_cuts, steps[cut - 1].item<double>());
        elsewhere[cut - 1] = 0;
      }
    }
    EXPECT_LE(at_cuts, elsewhere.max().item<double>()) << patch;
    // Nor does the blending add steps: each is that of the whole image.
    EXPECT_LT((steps - mean_steps(whole)).abs().max().item<double>(), 0.1 * mean_steps(whole).max().item<double>());
  }
}

// Group norm would take other statistics in each tile. Tiles share those of a sample, so the cuts do not show, and
// where the sample covers the image, the statistics are nearly those of the whole image.
TEST(Tiles, OfGroupNormShareItsStatistics) {
  const auto model = random_unet("group");
  const auto x = scene(150, 230) * torch::linspace(0.1, 1, 230);  // other contrast at either end
  const auto whole = outputs_in_tiles(model, x, {.side = 512}), tiled = outputs_in_tiles(model, x, {.side = 64});
  // What remains is the work of zero padding and upsampling at the edges of tiles, as with batch norm.
  EXPECT_LT((tiled - whole).abs().mean().item<double>(), 0.15 * whole.std().item<double>());
  EXPECT_LT((mean_steps(tiled) - mean_steps(whole)).abs().max().item<double>(),
            0.1 * mean_steps(whole).max().item<double>());
  // Afterwards the net is as before.
  EXPECT_TRUE(torch::equal(outputs_in_tiles(model, x, {.side = 512}), whole));
}

}  // namespace
}  // namespace monge::model

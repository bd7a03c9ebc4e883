// Images that are not of the size of the training: kept, cropped and resized, or refused.
#include <gmock/gmock.h>

#include <fstream>

#include "monge/core/random.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/monge.h"
#include "tests/support/support.h"

namespace monge::session {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::ScratchFolder;

torch::Tensor pixels(int64_t height, int64_t width, int64_t channels = 3, int64_t seed = 1) {
  return torch::randint(0, 256, {height, width, channels}, RandomStreams(seed).at("pixels", 0), torch::kUInt8);
}

/// A map of images of 16 x 16 pixels, trained for one iteration.
Model small_map(const std::string& method = "strong", int64_t channels = 3) {
  train::Recipe recipe;
  recipe.method = method;
  recipe.map.width = 4;
  recipe.map.depth = 2;
  recipe.map.patch = 2;
  recipe.map.norm = "group";
  recipe.potential.width = recipe.potential.width_max = 4;
  recipe.train.iterations = recipe.train.k_t = 1;
  recipe.train.batch = 4;
  recipe.train.threads = 1;
  recipe.eval.samples = 8;
  recipe.samples.every = 0;
  const auto side = [&](const char* name) {
    return torch::rand({40, channels, 16, 16}, RandomStreams(1).at(name, 0)) * 2 - 1;
  };
  return Session::train(recipe, side("x"), side("y")).model();
}

/// Translates folder/in to folder/out. @return what was logged.
std::string translated(const Model& model, const ScratchFolder& folder, const TranslateOptions& options = {},
                       const std::string& in = "in", const std::string& out = "out") {
  std::string log;
  model.translate((folder / in).string(), (folder / out).string(), options, {},
                  {.log = [&log](LogLevel, const std::string& line) { log += line + '\n'; }});
  return log;
}

ImageSize size_of(const std::filesystem::path& path) {
  const auto image = io::read_image(path);
  return {image.size(1), image.size(0)};
}

TEST(AnySize, LargerImagesAndOtherShapesKeepTheirSizeAndTheLogSaysSo) {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "in");
  io::write_image(folder / "in/wide.png", pixels(21, 43));
  io::write_image(folder / "in/large.jpg", pixels(40, 40));
  io::write_image(folder / "in/tiny.png", pixels(3, 5));
  io::write_image(folder / "in/same.png", pixels(16, 16));
  io::write_image(folder / "in/small.png", pixels(8, 8));
  const auto model = small_map();
  const auto log = translated(model, folder, {.grid = folder / "grid.png"});
  EXPECT_THAT(log, AllOf(HasSubstr("3 of 5 images are larger than the 16 x 16 pixels of the training or of another "
                                   "shape and keep their size"),
                         HasSubstr("TranslateOptions::size train crops and resizes them"), Not(HasSubstr("tiles"))));
  EXPECT_EQ(size_of(folder / "out/wide.png"), ImageSize(43, 21));
  EXPECT_EQ(size_of(folder / "out/large.jpg"), ImageSize(40));
  EXPECT_EQ(size_of(folder / "out/tiny.png"), ImageSize(5, 3));
  EXPECT_EQ(size_of(folder / "out/same.png"), ImageSize(16));
  EXPECT_EQ(size_of(folder / "out/small.png"), ImageSize(16));  // smaller and of the same shape: as in training
  EXPECT_TRUE(std::filesystem::exists(folder / "grid.png"));

  // An image of the training's size has the same output in any company and in every way of keeping it.
  io::write_image(folder / "same.png", pixels(16, 16));
  EXPECT_THAT(translated(model, folder, {}, "same.png", "alone.png"), Not(HasSubstr("keep")));
  EXPECT_TRUE(torch::equal(io::read_image(folder / "alone.png"), io::read_image(folder / "out/same.png")));
  translated(model, folder, {.size = "keep"}, "same.png", "kept.png");
  EXPECT_TRUE(torch::equal(io::read_image(folder / "alone.png"), io::read_image(folder / "kept.png")));
}

TEST(AnySize, SizesMayBeKeptGivenOrThoseOfTheTraining) {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "in");
  io::write_image(folder / "in/wide.png", pixels(21, 43));
  io::write_image(folder / "in/small.png", pixels(8, 8));
  const auto model = small_map();
  EXPECT_THAT(
      translated(model, folder, {.size = "keep"}, "in", "keep"),
      HasSubstr("2 images, each translated at its own size (TranslateOptions::size train crops and resizes them)"));
  EXPECT_EQ(size_of(folder / "keep/small.png"), ImageSize(8));
  EXPECT_THAT(translated(model, folder, {.size = "train"}, "in", "train"),
              HasSubstr("cropped 1 image to the middle square"));
  EXPECT_EQ(size_of(folder / "train/wide.png"), ImageSize(16));
  translated(model, folder, {.size = "16"}, "in", "sixteen");
  EXPECT_TRUE(torch::equal(io::read_image(folder / "train/wide.png"), io::read_image(folder / "sixteen/wide.png")));
  translated(model, folder, {.size = "36x20"}, "in", "given");
  EXPECT_EQ(size_of(folder / "given/wide.png"), ImageSize(36, 20));
  EXPECT_EQ(size_of(folder / "given/small.png"), ImageSize(36, 20));

  EXPECT_THAT(message_of([&] { translated(model, folder, {.size = "huge"}); }),
              AllOf(HasSubstr("TranslateOptions::size"), HasSubstr("\"huge\""),
                    HasSubstr("keep, train, residual, WIDTHxHEIGHT or one number")));
  EXPECT_THAT(message_of([&] { translated(model, folder, {.size = "7"}); }), HasSubstr("8 to 4096"));
  EXPECT_THAT(message_of([&] { translated(model, folder, {.tile = 5}); }),
              HasSubstr("TranslateOptions::tile 5: allowed is 0"));
  EXPECT_THAT(message_of([&] { translated(model, folder, {.noise = "none"}); }), HasSubstr("item or fixed"));
}

TEST(AnySize, LargeImagesGoInTilesWithTheNoiseOfTheWholeImage) {
  const ScratchFolder folder;
  io::write_image(folder / "in.png", pixels(200, 150));
  const auto model = small_map("weak");
  EXPECT_THAT(translated(model, folder, {.samples = 2, .tile = 64}, "in.png", "out.png"),
              HasSubstr("large ones in blended tiles of up to 128 x 128 pixels"));
  const auto first = io::read_image(folder / "out_1.png"), second = io::read_image(folder / "out_2.png");
  EXPECT_EQ(first.sizes(), torch::IntArrayRef({200, 150, 3}));
  EXPECT_FALSE(torch::equal(first, second));
  translated(model, folder, {.size = "keep"}, "in.png", "untiled.png");  // one sample: the first of several
  const auto distance = [&](const torch::Tensor& a) {
    return (a.to(torch::kFloat32) - io::read_image(folder / "untiled.png")).abs().mean().item<double>();
  };
  EXPECT_LT(distance(first), 0.5 * distance(second));
  EXPECT_EQ(translated(model, folder, {.deterministic = true}, "in.png", "d.png"),
            translated(model, folder, {.deterministic = true}, "in.png", "e.png"));
}

TEST(AnySize, FixedNoiseIsTheSameForAllFrames) {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "in");
  for (const char* name : {"in/1.png", "in/2.png"}) io::write_image(folder / name, pixels(20, 36));
  const auto model = small_map("weak");
  const auto differ = [&](const TranslateOptions& options) {
    translated(model, folder, options);
    return !torch::equal(io::read_image(folder / "out/1.png"), io::read_image(folder / "out/2.png"));
  };
  EXPECT_TRUE(differ({}));
  EXPECT_FALSE(differ({.noise = "fixed"}));
  EXPECT_FALSE(differ({.size = "train", .noise = "fixed"}));
}

TEST(AnySize, GreyAlphaAndSixteenBitsAreTreatedAsAtTheTrainingsSize) {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "in");
  io::write_image(folder / "in/alpha.png", pixels(20, 30, 4));
  io::write_image(
      folder / "in/deep.png",
      torch::randint(0, 65536, {20, 30, 3}, RandomStreams(1).at("deep", 0), torch::kInt32).to(torch::kUInt16));
  io::write_image(folder / "in/grey.png", pixels(20, 30, 1));
  translated(small_map(), folder);
  EXPECT_EQ(io::read_image(folder / "out/alpha.png").sizes(), torch::IntArrayRef({20, 30, 3}));
  EXPECT_EQ(io::read_image(folder / "out/grey.png").sizes(), torch::IntArrayRef({20, 30, 3}));
  EXPECT_EQ(io::sample_bits(real_files().read(folder / "out/deep.png")), 16);
  EXPECT_EQ(io::sample_bits(real_files().read(folder / "out/alpha.png")), 8);
  translated(small_map("strong", 1), folder, {}, "in", "grey");
  EXPECT_EQ(io::read_image(folder / "grey/alpha.png").sizes(), torch::IntArrayRef({20, 30, 1}));
}

TEST(AnySize, ArraysAreTakenAtTheirSizeAndNeverResized) {
  const ScratchFolder folder;
  const auto model = small_map();
  const auto x = torch::rand({3, 3, 24, 40}, RandomStreams(2).at("x", 0)) * 2 - 1;
  const auto y = model.translate(x);
  EXPECT_EQ(y.sizes(), torch::IntArrayRef({3, 1, 3, 24, 40}));
  io::write_npy(folder / "x.npy", x);
  model.translate((folder / "x.npy").string(), (folder / "y.npy").string());
  EXPECT_TRUE(torch::equal(io::read_npy(folder / "y.npy"), y.squeeze(1)));
  EXPECT_THAT(message_of([&] { model.translate(x, {.size = "train"}); }), HasSubstr("items of shape [3, 16, 16]"));
  EXPECT_THAT(message_of([&] { model.translate(x, {.size = "32"}); }),
              AllOf(HasSubstr("TranslateOptions::size 32"), HasSubstr("have 40x24 pixels"),
                    HasSubstr("only image files are resized")));
  EXPECT_THAT(message_of([&] { model.translate(torch::zeros({2, 1, 24, 40})); }), HasSubstr("[3, 0, 0]"));
}

TEST(AnySize, MapsOfVectorsHaveNone) {
  train::Recipe recipe;
  recipe.map.width = recipe.potential.width = 8;
  recipe.train.iterations = recipe.train.k_t = 1;
  recipe.samples.every = 0;
  const auto x = torch::rand({100, 2});
  const auto model = Session::train(recipe, x, x + 1).model();
  EXPECT_THAT(message_of([&] { model.translate(x, {.size = "keep"}); }),
              HasSubstr("TranslateOptions::size keep: this map takes vectors, which have no size"));
}

}  // namespace
}  // namespace monge::session

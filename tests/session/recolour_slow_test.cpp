// Colour transfer between images in memory and in files. The fits are short: what a full one reaches is measured
// in docs/recolour.md.
#include <gmock/gmock.h>

#include "monge/core/random.h"
#include "monge/io/image.h"
#include "monge/session/recolour.h"
#include "tests/support/support.h"

namespace monge::session {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

/// Pixels around a colour: [height, width, channels], with the last channel opaque if there are 4.
torch::Tensor around(int64_t red, int64_t green, int64_t blue, int64_t height, int64_t width, int64_t channels = 3) {
  const auto noise = torch::randint(-30, 31, {height, width, 3}, RandomStreams(red).at("noise", 0));
  auto out = (torch::tensor({red, green, blue}) + noise).clamp(0, 255).to(torch::kUInt8);
  if (channels == 4) out = torch::cat({out, torch::full({height, width, 1}, 255, torch::kUInt8)}, 2);
  return out;
}

RecolourOptions brief() {
  RecolourOptions out;
  out.map.assignments = {"train.iterations=60"};
  return out;
}

torch::Tensor mean_colour(const torch::Tensor& image) {
  return image.narrow(2, 0, 3).to(torch::kFloat64).mean(std::vector<int64_t>{0, 1});
}

TEST(Recolour, GivesThePhotoTheColoursOfTheStyle) {
  const auto photo = around(60, 90, 180, 40, 31), style = around(190, 120, 70, 24, 50);
  ColourScore score;
  const auto out = recolour(photo, style, brief(), {}, {}, &score);
  EXPECT_EQ(out.sizes(), photo.sizes());
  EXPECT_EQ(out.scalar_type(), torch::kUInt8);
  EXPECT_LT((mean_colour(out) - mean_colour(style)).abs().max().item<double>(), 4);
  EXPECT_LT(score.target.error, 0.1 * score.target.start);
  EXPECT_NEAR(score.cost_ratio(), 1, 0.1);
}

TEST(Recolour, StrengthIsTheWayBetween) {
  const auto photo = around(60, 90, 180, 20, 20), style = around(190, 120, 70, 20, 20);
  auto options = brief();
  options.strength = 0;
  EXPECT_LE((recolour(photo, style, options).to(torch::kInt32) - photo.to(torch::kInt32)).abs().max().item<int>(), 1);
  options.strength = 0.5;
  const auto half = mean_colour(recolour(photo, style, options));
  EXPECT_LT((half - (mean_colour(photo) + mean_colour(style)) / 2).abs().max().item<double>(), 4);
}

TEST(Recolour, KeepsAlphaAndDoesNotLearnFromTransparentPixels) {
  auto photo = around(60, 90, 180, 30, 30, 4);
  photo.narrow(0, 0, 15).select(2, 3).fill_(0);
  photo.narrow(0, 0, 15).narrow(2, 0, 3).fill_(255);  // white where nobody sees it
  const auto style = around(190, 120, 70, 20, 20);
  const auto out = recolour(photo, style, brief());
  EXPECT_TRUE(torch::equal(out.select(2, 3), photo.select(2, 3)));
  EXPECT_LT((mean_colour(out.narrow(0, 15, 15)) - mean_colour(style)).abs().max().item<double>(), 4);
  EXPECT_THAT(message_of([&] {
                auto clear = photo.clone();
                clear.select(2, 3).fill_(0);
                recolour(clear, style, brief());
              }),
              HasSubstr("transparent"));
}

TEST(Recolour, EqualColoursStay) {
  const auto photo = around(60, 90, 180, 30, 30);
  EXPECT_LE((recolour(photo, photo, brief()).to(torch::kInt32) - photo.to(torch::kInt32)).abs().max().item<int>(), 1);
}

TEST(Recolour, TakesASinglePixel) {
  const auto out = recolour(around(60, 90, 180, 1, 1), around(190, 120, 70, 1, 1), brief());
  EXPECT_EQ(out.sizes(), (std::vector<int64_t>{1, 1, 3}));
}

TEST(Recolour, WritesFilesAndTheReverse) {
  const ScratchFolder folder;
  io::write_image(folder / "a.png", around(60, 90, 180, 20, 30));
  io::write_image(folder / "b.png", around(190, 120, 70, 25, 10));
  auto options = brief();
  options.both = true;
  const auto result = recolour(folder / "a.png", folder / "b.png", folder / "out.png", options);
  EXPECT_TRUE(result.complete);
  ASSERT_EQ(result.maps.size(), 2u);
  EXPECT_EQ(io::read_image(folder / "out.png").sizes(), (std::vector<int64_t>{20, 30, 3}));
  EXPECT_EQ(io::read_image(folder / "out-reverse.png").sizes(), (std::vector<int64_t>{25, 10, 3}));
}

TEST(Recolour, NamesWhatDoesNotFit) {
  const ScratchFolder folder;
  io::write_image(folder / "a.png", around(60, 90, 180, 8, 8));
  EXPECT_THAT(message_of([&] { recolour(folder / "a.png", folder / "none.png", folder / "out.png"); }),
              HasSubstr("none.png"));
  EXPECT_THAT(message_of([&] { recolour(folder / "a.png", folder / "a.png", folder / "a.png"); }), HasSubstr("a.png"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out.png"));
}

// The fit would be lost otherwise.
TEST(Recolour, FindsAnOutputFolderThatCannotBeMadeBeforeTheFit) {
  const ScratchFolder folder;
  io::write_image(folder / "a.png", around(60, 90, 180, 8, 8));
  io::write_image(folder / "b.png", around(190, 120, 70, 8, 8));
  Hooks hooks;
  hooks.progress = [](const std::string& step, int64_t, int64_t) { EXPECT_NE(step, "learning the colours"); };
  EXPECT_THAT(
      message_of([&] { recolour(folder / "a.png", folder / "b.png", folder / "a.png/out.png", brief(), {}, hooks); }),
      AllOf(HasSubstr("a.png"), HasSubstr("choose another output folder")));
}

}  // namespace
}  // namespace monge::session

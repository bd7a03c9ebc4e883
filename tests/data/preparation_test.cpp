#include "monge/data/preparation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/io/resize.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

torch::Tensor random_image(int64_t height, int64_t width, int64_t channels) {
  return torch::randint(0, 256, {height, width, channels}, RandomStreams(3).at("pixels", channels), torch::kUInt8);
}

/// uint8 [height, width, channels] of the options.
torch::Tensor prepared(const torch::Tensor& image, const PreparationOptions& options, io::ImageNotes* notes = nullptr) {
  const Preparation preparation(options);
  auto out = torch::empty({options.height, options.width, options.channels}, torch::kUInt8);
  preparation.write(image, out.data_ptr<uint8_t>(), notes);
  return out;
}

PreparationOptions sized(int64_t height, int64_t width) {
  PreparationOptions out;
  out.height = height;
  out.width = width;
  return out;
}

TEST(Preparation, KeepsAnImageThatFits) {
  const auto image = random_image(6, 9, 3);
  EXPECT_TRUE(torch::equal(prepared(image, sized(6, 9)), image));
  EXPECT_TRUE(Preparation(sized(6, 9)).keeps(6, 9));
  EXPECT_FALSE(Preparation(sized(6, 9)).keeps(9, 6));
  auto options = sized(6, 9);
  options.resize_to = 6;
  EXPECT_TRUE(Preparation(options).keeps(6, 9)) << "its shorter side is 6 already";
  options.grey = true;
  EXPECT_FALSE(Preparation(options).keeps(6, 9));
}

TEST(Preparation, CropsTheMiddleAndResizesIt) {
  const auto image = random_image(10, 17, 3);
  io::ImageNotes notes;
  const auto out = prepared(image, sized(5, 5), &notes);
  const auto square = image.narrow(1, 3, 10).contiguous();  // of the odd rest the larger part is cut on the right
  EXPECT_TRUE(torch::equal(out, io::resize_uint8(square, 5, 5, io::Filter::bicubic)));
  EXPECT_TRUE(notes.cropped);
}

TEST(Preparation, ResizesTheShorterSideBeforeTheCrop) {
  const auto image = random_image(20, 30, 3);
  auto options = sized(4, 4);
  options.resize_to = 10;
  options.crop = "4x4+3,-2";
  options.filter = "box";
  const auto smaller = io::resize_uint8(image, 10, 15, io::Filter::box);
  // 4 x 4 around the middle of 10 x 15 begins at row 3 and column 5, then moves by (3, -2) right and up.
  const auto expected = smaller.narrow(0, 1, 4).narrow(1, 8, 4);
  EXPECT_TRUE(torch::equal(prepared(image, options), expected.contiguous()));
}

TEST(Preparation, TakesTheLumaAsPillowDoes) {
  const auto image = random_image(7, 7, 3);
  auto options = sized(7, 7);
  options.channels = 1;
  io::ImageNotes notes;
  const auto out = prepared(image, options, &notes);
  const auto rgb = image.to(torch::kInt64);
  // ITU-R 601 in 16-bit fixed point, as Pillow's convert("L").
  const auto luma =
      (rgb.select(2, 0) * 19595 + rgb.select(2, 1) * 38470 + rgb.select(2, 2) * 7471 + 0x8000).floor_divide(65536);
  EXPECT_TRUE(torch::equal(out.select(2, 0).to(torch::kInt64), luma));
  EXPECT_TRUE(notes.colour_dropped);
  options.channels = 3;
  options.grey = true;
  const auto wide = prepared(image, options, &notes);
  for (int64_t c = 0; c < 3; ++c) EXPECT_TRUE(torch::equal(wide.select(2, c), out.select(2, 0))) << c;
}

TEST(Preparation, LaysTransparencyOverTheBackground) {
  const auto image = torch::tensor({200, 100, 0, 255, 200, 100, 0, 0}, torch::kUInt8).view({1, 2, 4});
  auto options = sized(1, 2);
  options.background = "#102030";
  const auto expected = torch::tensor({200, 100, 0, 16, 32, 48}, torch::kUInt8).view({1, 2, 3});
  EXPECT_TRUE(torch::equal(prepared(image, options), expected));
}

TEST(Preparation, KeepsThePrecisionOfSixteenBits) {
  const auto values = torch::tensor({0, 1000, 1001, 4095, 5000, 65535}, torch::kInt32);
  const auto image = values.to(torch::kUInt16).view({1, 6, 1}).contiguous();
  auto options = sized(1, 6);
  options.crop = "none";
  options.range = "1000..4095";
  const Preparation preparation(options);
  auto out = torch::empty({1, 6, 3}, torch::kFloat32);
  preparation.write_floats(image, out.data_ptr<float>());
  const auto expected = ((values.to(torch::kFloat64) - 1000) * (255.0 / 3095)).clamp(0, 255);
  for (int64_t c = 0; c < 3; ++c) {
    const auto error = (out.select(2, c).flatten().to(torch::kFloat64) - expected).abs().max().item<double>();
    EXPECT_LT(error, 1e-4) << "float32 of values up to 255";
  }
}

TEST(Preparation, SaysHowFilesAreDecoded) {
  PreparationOptions options;
  EXPECT_EQ(Preparation(options).decoding().orientation, io::Orientation::apply);
  options.exif = "ignore";
  options.range = "16..200";
  EXPECT_EQ(Preparation(options).decoding().orientation, io::Orientation::ignore);
  EXPECT_EQ(Preparation(options).decoding().range, (io::SampleRange{.low = 16, .high = 200}));
}

TEST(Preparation, NamesTheOptionThatIsWrong) {
  const auto message = [](auto&& change) {
    PreparationOptions options;
    change(options);
    return message_of([&] { Preparation{options}; });
  };
  EXPECT_THAT(message([](auto& o) { o.exif = "rotate"; }),
              AllOf(HasSubstr("exif"), HasSubstr("\"rotate\""), HasSubstr("apply, ignore")));
  EXPECT_THAT(message([](auto& o) { o.channels = 2; }), HasSubstr("channels: must be 1 or 3, got 2"));
  EXPECT_THAT(message([](auto& o) { o.width = 5000; }), HasSubstr("1 to 4096 pixels, got 5000"));
  EXPECT_THAT(message([](auto& o) { o.resize_to = -1; }), HasSubstr("resize_to: the shorter side"));
  EXPECT_THAT(message([](auto& o) { o.crop = "middle"; }), HasSubstr("not a crop"));
  EXPECT_THAT(message([](auto& o) { o.filter = "cubic"; }), HasSubstr("resize filter"));
  EXPECT_THAT(message([](auto& o) { o.background = "grey"; }), HasSubstr("background"));
  auto options = sized(8, 8);
  options.crop = "40x40";
  EXPECT_THAT(message_of([&] { prepared(random_image(20, 20, 3), options); }),
              HasSubstr("the crop of 40x40 moved by 0,0 reaches outside the image of 20x20"));
}

}  // namespace
}  // namespace monge::data

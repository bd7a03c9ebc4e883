#include "monge/io/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/error.h"
#include "tests/io/odd_images.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using testing::cmyk_jpeg;
using ::testing::HasSubstr;
using testing::message_of;
using testing::raw_png;

torch::Tensor noise(int64_t height, int64_t width, int64_t channels) {
  torch::manual_seed(7);
  return torch::randint(0, 256, {height, width, channels}, torch::kUInt8);
}

/// A smooth image, which lossy formats keep to a few steps of 255.
torch::Tensor ramp(int64_t height, int64_t width, int64_t channels) {
  const auto down = torch::linspace(20, 200, height).view({height, 1, 1});
  const auto right = torch::linspace(0, 40, width).view({1, width, 1});
  return (down + right + 5 * torch::arange(channels)).to(torch::kUInt8).contiguous();
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a.to(torch::kInt) - b.to(torch::kInt)).abs().max().item<double>();
}

TEST(Png, KeepsEveryByteForAllChannelCounts) {
  for (int64_t channels = 1; channels <= 4; ++channels) {
    const auto image = noise(13, 29, channels);
    EXPECT_TRUE(torch::equal(decode_image(encode_png(image), "x.png"), image)) << channels << " channels";
  }
}

TEST(Image, TellsWhatWasConverted) {
  const auto told = [](const std::string& bytes) {
    ImageNotes out;
    out.conversion = Conversion::palette;
    decode_image(bytes, "x", {}, &out);
    return out.conversion;
  };
  for (int64_t channels = 1; channels <= 4; ++channels) {
    EXPECT_EQ(told(encode_png(noise(4, 4, channels))), Conversion::none);
    EXPECT_EQ(told(encode_webp(noise(4, 4, channels))), Conversion::none);
  }
  for (const int64_t channels : {1, 3}) EXPECT_EQ(told(encode_jpeg(noise(4, 4, channels))), Conversion::none);
  EXPECT_EQ(told(cmyk_jpeg(noise(4, 4, 4), true)), Conversion::cmyk);
  EXPECT_EQ(told(testing::deep_png()), Conversion::sixteen_bit);
  EXPECT_EQ(told(testing::palette_png()), Conversion::palette);
  const auto bits = [](png_structp png, png_infop info) {
    png_set_IHDR(png, info, 8, 1, 1, PNG_COLOR_TYPE_GRAY, 0, 0, 0);
  };
  EXPECT_EQ(told(testing::raw_png(bits, {{0x55}})), Conversion::few_bits);

  EXPECT_EQ(conversion_text({7, 0, 0, 0, 0}), "");
  EXPECT_EQ(conversion_text({0, 1, 0, 0, 0}), "converted 1 CMYK image to 8-bit grey or RGB");
  EXPECT_EQ(conversion_text({9, 3, 2, 4, 0}), "converted 3 CMYK, 2 16-bit and 4 palette images to 8-bit grey or RGB");
}

TEST(Png, RoundsSixteenBitsToEight) {
  // v8 = round(v16 / 257); 0x0180 = 384 is 1.494, 0x0182 = 386 is 1.502.
  const auto bytes =
      raw_png([](png_structp png, png_infop info) { png_set_IHDR(png, info, 3, 1, 16, PNG_COLOR_TYPE_GRAY, 0, 0, 0); },
              {{0x01, 0x80, 0x01, 0x82, 0xff, 0xff}});
  const auto image = decode_image(bytes, "deep.png");
  EXPECT_TRUE(torch::equal(image.flatten(), torch::tensor({1, 2, 255}, torch::kUInt8)));
}

// An animated PNG is a still one, its first frame, with the chunk acTL before it; readers that know no animation show
// that.
TEST(Png, TellsThatAnAnimationHasFurtherFrames) {
  const auto image = noise(8, 8, 3);
  const auto png = encode_png(image);
  const auto with = [&](uint32_t frames, size_t at) {
    return png.substr(0, at) +
           testing::png_chunk("acTL", testing::number(frames, 4, true) + testing::number(0, 4, true)) + png.substr(at);
  };
  constexpr size_t kBehindHeader = 8 + 25;
  ImageNotes notes;
  EXPECT_TRUE(torch::equal(decode_image(with(3, kBehindHeader), "x.png", {}, &notes), image));
  EXPECT_TRUE(notes.more_pages);
  decode_image(with(1, kBehindHeader), "x.png", {}, &notes);
  EXPECT_FALSE(notes.more_pages) << "one frame is all of it";
  decode_image(with(3, png.size() - 12), "x.png", {}, &notes);
  EXPECT_FALSE(notes.more_pages) << "behind the pixels the chunk has no meaning";
  decode_image(png, "x.png", {}, &notes);
  EXPECT_FALSE(notes.more_pages);
  NoteCounts counts;
  notes.more_pages = true;
  counts.add(notes);
  EXPECT_THAT(note_lines(counts), ::testing::ElementsAre("used the first page or frame of 1 image with several"));
}

TEST(Png, ExpandsAPaletteWithATransparentEntryAndInterlacing) {
  const png_color colours[] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {9, 9, 9}};
  const png_byte alpha[] = {0, 255};
  const auto bytes = raw_png(
      [&](png_structp png, png_infop info) {
        png_set_IHDR(png, info, 4, 1, 2, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_ADAM7, 0, 0);
        png_set_PLTE(png, info, colours, 4);
        png_set_tRNS(png, info, alpha, 2, nullptr);
      },
      {{0b00'01'10'11}});
  const auto image = decode_image(bytes, "palette.png");
  const auto expected = torch::tensor({255, 0, 0, 0, 0, 255, 0, 255, 0, 0, 255, 255, 9, 9, 9, 255}, torch::kUInt8);
  EXPECT_TRUE(torch::equal(image, expected.view({1, 4, 4})));
  EXPECT_TRUE(torch::equal(to_rgb(image)[0][0], torch::tensor({255, 255, 255}, torch::kUInt8)));
}

TEST(Png, RefusesEveryTruncationOfTheImage) {
  const auto bytes = encode_png(noise(5, 4, 3));
  constexpr size_t kEnd = 12;  // the IEND chunk, without which the image is whole
  for (size_t length = 8; length < bytes.size() - kEnd; ++length) {
    const auto message = message_of([&] { decode_image(bytes.substr(0, length), "cut.png"); });
    EXPECT_THAT(message, AllOf(HasSubstr("cut.png"), HasSubstr("PNG"), HasSubstr("truncated"))) << length;
  }
}

TEST(Png, TakesAnImageThatIsWholeButForItsEnd) {
  const auto image = noise(70, 90, 3);  // more than one chunk of data
  const auto bytes = encode_png(image);
  for (size_t lost = 1; lost <= 12; ++lost) {
    ImageNotes notes;
    EXPECT_TRUE(torch::equal(decode_image(bytes.substr(0, bytes.size() - lost), "a.png", {}, &notes), image)) << lost;
    EXPECT_TRUE(notes.without_end);
  }
  ImageNotes notes;
  decode_image(bytes, "whole.png", {}, &notes);
  EXPECT_FALSE(notes.without_end);
  // A last chunk of another kind, a checksum that is wrong, and data that end between two chunks are damage.
  auto other = bytes.substr(0, bytes.size() - 8) + "I";
  EXPECT_THAT(message_of([&] { decode_image(other.substr(0, other.size() - 1) + "XEND", "odd.png"); }),
              HasSubstr("odd.png"));
  auto flipped = bytes.substr(0, bytes.size() - 12);
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  EXPECT_THAT(message_of([&] { decode_image(flipped, "crc.png"); }), AllOf(HasSubstr("crc.png"), HasSubstr("CRC")));
  const auto second = bytes.find("IDAT", bytes.find("IDAT") + 4);
  ASSERT_NE(second, std::string::npos);
  EXPECT_THAT(message_of([&] { decode_image(bytes.substr(0, second - 4), "half.png"); }),
              AllOf(HasSubstr("half.png"), HasSubstr("PNG")));
}

TEST(Png, KeepsSixteenBitsWhenAskedAndScalesThemFromARange) {
  for (int64_t channels = 1; channels <= 4; ++channels) {
    torch::manual_seed(3);
    const auto image = testing::deep_image(torch::randint(0, 4096, {5, 7, channels}));
    const auto bytes = encode_png(image);
    EXPECT_EQ(sample_bits(bytes), 16);
    EXPECT_EQ(sample_bits(encode_png(noise(5, 7, channels))), 8);
    ImageNotes notes;
    EXPECT_TRUE(torch::equal(decode_image(bytes, "x.png", {.keep_sixteen_bits = true}, &notes).to(torch::kInt),
                             image.to(torch::kInt)));
    const int64_t colours = channels % 2 ? channels : channels - 1;
    const auto values = image.to(torch::kFloat64);
    EXPECT_EQ(notes.least, values.narrow(2, 0, colours).min().item<double>());
    EXPECT_EQ(notes.largest, values.narrow(2, 0, colours).max().item<double>());
    // 12-bit data from all their bits; alpha is of 0..65535 whatever the range.
    auto expected = (values * 255 / 4095).round();
    if (colours < channels) expected.select(2, colours) = (values.select(2, colours) / 257).round();
    EXPECT_TRUE(torch::equal(decode_image(bytes, "x.png", {.range = {0, 4095}}), expected.to(torch::kUInt8)))
        << channels;
    EXPECT_TRUE(torch::equal(decode_image(bytes, "x.png"), (values / 257).round().to(torch::kUInt8))) << channels;
  }
  // Interlaced, from libpng: the same.
  const auto interlaced =
      raw_png([](png_structp png,
                 png_infop info) { png_set_IHDR(png, info, 2, 1, 16, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_ADAM7, 0, 0); },
              {{0x0f, 0xff, 0x00, 0x00}});
  EXPECT_TRUE(torch::equal(decode_image(interlaced, "x.png", {.range = {0, 4095}}).flatten(),
                           torch::tensor({255, 0}, torch::kUInt8)));
}

TEST(Png, RefusesDamageOrGivesAnImageOfTheSameSize) {
  const auto good = encode_png(noise(5, 4, 3));
  for (size_t at = 8; at < good.size(); ++at) {
    auto bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    try {
      EXPECT_EQ(decode_image(bytes, "bad.png").size(0), 5);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("bad.png"));
    }
  }
}

TEST(Jpeg, KeepsASmoothImage) {
  for (const int64_t channels : {1, 3}) {
    const auto image = ramp(40, 33, channels);
    // At quality 98 the quantisation steps are below 4 of 255; the blocks' ends add as much again.
    EXPECT_LE(largest_difference(decode_image(encode_jpeg(image, 98), "x.jpg"), image), 6) << channels;
  }
}

TEST(Jpeg, RefusesTruncationAnywhereInTheImage) {
  const auto bytes = encode_jpeg(noise(48, 48, 3));
  for (const size_t length :
       {bytes.size() - 2, bytes.size() - 30, bytes.size() / 2, size_t{400}, size_t{20}, size_t{3}}) {
    const auto message = message_of([&] { decode_image(bytes.substr(0, length), "cut.jpg"); });
    EXPECT_THAT(message, AllOf(HasSubstr("cut.jpg"), HasSubstr("cannot be decoded"))) << length;
  }
  EXPECT_THAT(message_of([&] { decode_image(bytes.substr(0, bytes.size() / 2), "cut.jpg"); }),
              HasSubstr("remature end"));
}

TEST(Jpeg, ConvertsInksToRgbWithAndWithoutAdobesInversion) {
  // Inks cyan 100 %, key 0: light (0, 255, 255). Inks 0 with key 50 %: (128, 128, 128).
  auto inks = torch::zeros({16, 16, 4}, torch::kUInt8);
  inks.select(2, 0).slice(0, 0, 8).fill_(255);
  inks.select(2, 3).slice(0, 8, 16).fill_(127);
  auto expected = torch::full({16, 16, 3}, 128, torch::kUInt8);
  expected.slice(0, 0, 8) = torch::tensor({0, 255, 255}, torch::kUInt8);

  const auto plain = decode_image(cmyk_jpeg(inks, /*adobe=*/false), "plain.jpg");
  const auto adobe = decode_image(cmyk_jpeg(255 - inks, /*adobe=*/true), "adobe.jpg");

  EXPECT_LE(largest_difference(plain, expected), 2);
  EXPECT_LE(largest_difference(adobe, expected), 2);
}

TEST(Jpeg, HasNoTransparency) {
  EXPECT_THAT(message_of([] { encode_jpeg(noise(4, 4, 4)); }),
              AllOf(HasSubstr("no transparency"), HasSubstr("to_rgb")));
}

TEST(Webp, IsExactWhenLosslessAndRefusesTruncation) {
  const auto image = noise(21, 17, 3);
  const auto bytes = encode_webp(image, 100);
  EXPECT_TRUE(torch::equal(decode_image(bytes, "x.webp"), image));
  const auto with_alpha = torch::cat({ramp(8, 8, 3), torch::full({8, 8, 1}, 128, torch::kUInt8)}, 2);
  EXPECT_TRUE(torch::equal(decode_image(encode_webp(with_alpha, 100), "x.webp"), with_alpha));
  EXPECT_THAT(message_of([&] { decode_image(bytes.substr(0, bytes.size() / 2), "cut.webp"); }),
              AllOf(HasSubstr("cut.webp"), HasSubstr("truncated")));
}

TEST(Webp, KeepsASmoothImage) {
  const auto image = ramp(32, 32, 3);
  EXPECT_LE(largest_difference(decode_image(encode_webp(image, 95), "x.webp"), image), 12);  // 4:2:0 colour
}

TEST(Image, NamesAFileThatIsNoImageAndHowItBegins) {
  EXPECT_THAT(message_of([] { decode_image("<!DOCTYPE html><html>", "page.png"); }),
              AllOf(HasSubstr("page.png: is not a PNG, JPEG, WebP, TIFF or SVG image"),
                    HasSubstr("it begins with \"<!DOCTYPE html>")));
  EXPECT_THAT(message_of([] { decode_image("", "void.png"); }), HasSubstr("void.png: the file is empty"));
  EXPECT_THAT(message_of([] {
                decode_image(
                    "\x7f"
                    "ELF\x02",
                    "a.png");
              }),
              HasSubstr("\"\\x7fELF\\x02\""));
}

TEST(Image, ChecksTheSizeBeforeTakingMemory) {
  auto bytes = encode_png(noise(2, 2, 1));
  EXPECT_THAT(message_of([&] { decode_image(bytes, "big.png", {.most_pixels = 3}); }),
              AllOf(HasSubstr("big.png"), HasSubstr("2 x 2 pixels"), HasSubstr("1 to 3 pixels")));
  auto jpeg = encode_jpeg(noise(16, 16, 3));
  const auto frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xfd\xe8\xfd\xe8");  // claims 65000 x 65000
  EXPECT_THAT(message_of([&] { decode_image(jpeg, "bomb.jpg"); }),
              AllOf(HasSubstr("bomb.jpg"), HasSubstr("65000 x 65000"), HasSubstr("too large")));
}

TEST(Image, IsWrittenByItsExtension) {
  const testing::ScratchFolder folder;
  const auto image = ramp(20, 20, 3);
  for (const char* name : {"a.png", "b.JPG", "c.jpeg", "d.webp", "e.tif", "f.TIFF", "g.jfif", "h.JPE"}) {
    write_image(folder / name, image);
    EXPECT_LE(largest_difference(read_image(folder / name), image), 12) << name;
    EXPECT_EQ(encode_image(image, name), real_files().read(folder / name)) << name;
  }
  for (const char* name : {"inner/b.JPG", "g.jfif", "h.JPE"})
    EXPECT_TRUE(encode_image(image, name).starts_with("\xff\xd8\xff")) << name;
  EXPECT_THAT(message_of([&] { write_image(folder / "e.gif", image); }),
              AllOf(HasSubstr("\".gif\""), HasSubstr(".png")));
  EXPECT_THAT(message_of([&] { read_image(folder / "none.png"); }),
              AllOf(HasSubstr("none.png"), HasSubstr("no such file")));
  EXPECT_THAT(message_of([&] { encode_png(image.to(torch::kFloat32)); }),
              HasSubstr("must be uint8 or uint16 [H, W, C]"));
}

TEST(Image, CompositesAlphaOverTheBackground) {
  const auto image = torch::tensor({200, 0, 100, 51}, torch::kUInt8).view({1, 1, 4});  // alpha 1/5
  EXPECT_TRUE(torch::equal(to_rgb(image).flatten(), torch::tensor({244, 204, 224}, torch::kUInt8)));
  EXPECT_TRUE(torch::equal(to_rgb(image, {0, 0, 0}).flatten(), torch::tensor({40, 0, 20}, torch::kUInt8)));
  const auto grey = torch::tensor({10, 255}, torch::kUInt8).view({1, 1, 2});
  EXPECT_TRUE(torch::equal(to_rgb(grey).flatten(), torch::tensor({10, 10, 10}, torch::kUInt8)));
}

TEST(Image, LumaIsRec601) {
  const auto image = torch::tensor({255, 0, 0, 0, 255, 0, 0, 0, 255}, torch::kUInt8).view({1, 3, 3});
  EXPECT_TRUE(torch::equal(to_grey(image).select(2, 0).flatten(), torch::tensor({76, 150, 29}, torch::kUInt8)));
}

TEST(Image, FloatsInvertExactlyAndClamp) {
  const auto all = torch::arange(256 * 3).remainder(256).to(torch::kUInt8).view({16, 16, 3});
  const auto image = to_float(all);
  EXPECT_EQ(image.sizes(), (std::vector<int64_t>{3, 16, 16}));
  EXPECT_FLOAT_EQ(image.min().item<float>(), -1);
  EXPECT_FLOAT_EQ(image.max().item<float>(), 1);
  EXPECT_TRUE(torch::equal(from_float(image), all));
  auto wild = torch::tensor({-5.f, 7.f, std::nanf("")}).view({3, 1, 1});
  EXPECT_TRUE(torch::equal(from_float(wild).flatten(), torch::tensor({0, 255, 0}, torch::kUInt8)));
  EXPECT_EQ(from_float(torch::zeros({1, 4, 5})).sizes(), (std::vector<int64_t>{4, 5, 1}));
}

TEST(Image, ReadsColours) {
  EXPECT_EQ(parse_colour("#0a10ff", "background"), (Colour{10, 16, 255}));
  EXPECT_EQ(parse_colour("white", "background"), kWhite);
  EXPECT_THAT(message_of([] { parse_colour("#12", "source.background"); }),
              AllOf(HasSubstr("source.background"), HasSubstr("\"#12\""), HasSubstr("#rrggbb")));
}

}  // namespace
}  // namespace monge::io

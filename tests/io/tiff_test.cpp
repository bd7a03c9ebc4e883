#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tiffio.h>

#include <cstdio>
#include <cstring>

#include "monge/core/error.h"
#include "monge/io/image.h"
#include "tests/io/odd_images.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using testing::deep_image;
using ::testing::HasSubstr;
using testing::message_of;

torch::Tensor noise(int64_t height, int64_t width, int64_t channels) {
  torch::manual_seed(7);
  return torch::randint(0, 256, {height, width, channels}, torch::kUInt8);
}

struct Kind {
  uint16_t compression = COMPRESSION_NONE, photometric = PHOTOMETRIC_RGB, planes = PLANARCONFIG_CONTIG, orientation = 1,
           bits = 8, format = SAMPLEFORMAT_UINT;
  bool tiled = false;
  const char* mode = "w";  ///< and byte order: "wl", "wb"; "w8": big files
  std::vector<uint16_t> extra = {};
  std::vector<std::vector<uint16_t>> palette = {};
  int pages = 1;
};

/// Straight from libtiff, for kinds that encode_tiff does not write. Rows of `image` are the bytes of the file's rows.
std::string raw_tiff(const torch::Tensor& image, const Kind& kind, int64_t width) {
  const testing::ScratchFolder folder;
  const auto path = folder / "x.tif";
  TIFF* tiff = TIFFOpen(path.c_str(), kind.mode);
  const int64_t samples = kind.bits >= 8 ? image.size(2) : 1;
  for (int page = 0; page < kind.pages; ++page) {
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, static_cast<uint32_t>(width));
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, static_cast<uint32_t>(image.size(0)));
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, kind.bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, static_cast<uint16_t>(samples));
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, kind.format);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, kind.photometric);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, kind.planes);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, kind.compression);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, kind.orientation);
    if (!kind.extra.empty())
      TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, static_cast<uint16_t>(kind.extra.size()), kind.extra.data());
    if (!kind.palette.empty())
      TIFFSetField(tiff, TIFFTAG_COLORMAP, kind.palette[0].data(), kind.palette[1].data(), kind.palette[2].data());
    if (kind.compression == COMPRESSION_JPEG) {
      TIFFSetField(tiff, TIFFTAG_JPEGQUALITY, 100);
      TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    }
    const int64_t planes = kind.planes == PLANARCONFIG_SEPARATE ? samples : 1;
    if (kind.tiled) {
      constexpr uint32_t kTile = 16;
      TIFFSetField(tiff, TIFFTAG_TILEWIDTH, kTile);
      TIFFSetField(tiff, TIFFTAG_TILELENGTH, kTile);
      for (int64_t p = 0; p < planes; ++p) {
        for (int64_t y = 0; y < image.size(0); y += kTile) {
          for (int64_t x = 0; x < width; x += kTile) {
            const auto part = (planes > 1 ? image.narrow(2, p, 1) : image)
                                  .slice(0, y, y + kTile)
                                  .slice(1, x, x + kTile)
                                  .to(torch::kInt);
            auto tile = torch::constant_pad_nd(part, {0, 0, 0, kTile - part.size(1), 0, kTile - part.size(0)})
                            .to(image.scalar_type())
                            .contiguous();
            TIFFWriteTile(tiff, tile.data_ptr(), static_cast<uint32_t>(x), static_cast<uint32_t>(y), 0,
                          static_cast<uint16_t>(p));
          }
        }
      }
    } else {
      TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 16);
      for (int64_t p = 0; p < planes; ++p) {
        const auto plane = (planes > 1 ? image.narrow(2, p, 1) : image).contiguous().clone();
        const int64_t row = plane.numel() / plane.size(0) * static_cast<int64_t>(plane.element_size());
        for (int64_t y = 0; y < image.size(0); ++y) {
          TIFFWriteScanline(tiff, static_cast<uint8_t*>(plane.data_ptr()) + y * row, static_cast<uint32_t>(y),
                            static_cast<uint16_t>(p));
        }
      }
    }
    TIFFWriteDirectory(tiff);
  }
  TIFFClose(tiff);
  return real_files().read(path);
}

std::string raw_tiff(const torch::Tensor& image, const Kind& kind) { return raw_tiff(image, kind, image.size(1)); }

TEST(Tiff, KeepsEveryByteForAllChannelCountsInEightAndSixteenBits) {
  for (int64_t channels = 1; channels <= 4; ++channels) {
    const auto image = noise(13, 29, channels);
    EXPECT_TRUE(torch::equal(decode_image(encode_tiff(image), "x.tif"), image)) << channels;
    const auto deep = deep_image(image.to(torch::kInt) * 16 + 3);
    const auto bytes = encode_tiff(deep);
    EXPECT_EQ(sample_bits(bytes), 16);
    ImageNotes notes;
    EXPECT_TRUE(torch::equal(decode_image(bytes, "x.tif", {.keep_sixteen_bits = true}, &notes).to(torch::kInt),
                             deep.to(torch::kInt)))
        << channels;
    EXPECT_EQ(notes.conversion, Conversion::sixteen_bit);
    EXPECT_LE(notes.largest, 255 * 16 + 3);
  }
}

TEST(Tiff, IsReadInStripsAndTilesOfEveryCompressionAndByteOrder) {
  const auto image = noise(35, 41, 3), deep = deep_image(image.to(torch::kInt) * 257);
  for (const uint16_t compression :
       {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_PACKBITS, COMPRESSION_ADOBE_DEFLATE}) {
    for (const bool tiled : {false, true}) {
      for (const uint16_t planes : {PLANARCONFIG_CONTIG, PLANARCONFIG_SEPARATE}) {
        for (const char* mode : {"wl", "wb", "w8"}) {
          const Kind kind{.compression = compression, .planes = planes, .tiled = tiled, .mode = mode};
          EXPECT_TRUE(torch::equal(decode_image(raw_tiff(image, kind), "x.tif"), image))
              << compression << tiled << planes << mode;
          auto sixteen = kind;
          sixteen.bits = 16;
          EXPECT_TRUE(torch::equal(decode_image(raw_tiff(deep, sixteen), "x.tif"), image))
              << compression << tiled << planes << mode;
        }
      }
    }
  }
}

TEST(Tiff, KnowsPalettesInksFewBitsAndWhiteAsZero) {
  ImageNotes notes;
  const auto grey = noise(9, 10, 1);
  EXPECT_TRUE(torch::equal(decode_image(raw_tiff(grey, {.photometric = PHOTOMETRIC_MINISWHITE}), "x.tif", {}, &notes),
                           255 - grey));
  EXPECT_EQ(notes.conversion, Conversion::none);

  std::vector<std::vector<uint16_t>> palette(3, std::vector<uint16_t>(256));
  for (int i = 0; i < 256; ++i)
    palette[0][i] = static_cast<uint16_t>(257 * i), palette[1][i] = static_cast<uint16_t>(257 * (255 - i)),
    palette[2][i] = 0x8080;
  const auto coloured =
      decode_image(raw_tiff(grey, {.photometric = PHOTOMETRIC_PALETTE, .palette = palette}), "x.tif", {}, &notes);
  EXPECT_EQ(notes.conversion, Conversion::palette);
  EXPECT_TRUE(torch::equal(coloured, torch::cat({grey, 255 - grey, torch::full_like(grey, 0x80)}, 2)));

  auto inks = torch::zeros({4, 4, 4}, torch::kUInt8);
  inks.select(2, 0).fill_(255);  // cyan
  const auto cyan = decode_image(raw_tiff(inks, {.photometric = PHOTOMETRIC_SEPARATED}), "x.tif", {}, &notes);
  EXPECT_EQ(notes.conversion, Conversion::cmyk);
  EXPECT_TRUE(torch::equal(cyan[0][0], torch::tensor({0, 255, 255}, torch::kUInt8)));

  const auto bits = torch::tensor({0b1010'0000}, torch::kUInt8).view({1, 1, 1});
  const auto bilevel =
      decode_image(raw_tiff(bits, {.photometric = PHOTOMETRIC_MINISBLACK, .bits = 1}, 4), "x.tif", {}, &notes);
  EXPECT_EQ(notes.conversion, Conversion::few_bits);
  EXPECT_TRUE(torch::equal(bilevel.flatten(), torch::tensor({255, 0, 255, 0}, torch::kUInt8)));

  // Twelve bits, one after another: 0xfff is white, 0x800 is 2048 / 4095.
  const auto packed = torch::tensor({0xff, 0xf8, 0x00}, torch::kUInt8).view({1, 3, 1});
  const auto twelve = decode_image(raw_tiff(packed, {.photometric = PHOTOMETRIC_MINISBLACK, .bits = 12}, 2), "x.tif",
                                   {.keep_sixteen_bits = true}, &notes);
  EXPECT_TRUE(torch::equal(twelve.to(torch::kInt).flatten(), torch::tensor({65535, 32776}, torch::kInt)));
}

TEST(Tiff, KeepsAlphaAndUndoesItsMultiplication) {
  const auto image = torch::tensor({200, 0, 100, 51}, torch::kUInt8).view({1, 1, 4});
  EXPECT_TRUE(torch::equal(decode_image(raw_tiff(image, {.extra = {EXTRASAMPLE_UNASSALPHA}}), "x.tif"), image));
  const auto multiplied = torch::tensor({40, 0, 20, 51}, torch::kUInt8).view({1, 1, 4});
  EXPECT_TRUE(torch::equal(decode_image(raw_tiff(multiplied, {.extra = {EXTRASAMPLE_ASSOCALPHA}}), "x.tif"), image));
  EXPECT_TRUE(
      torch::equal(decode_image(raw_tiff(image, {.extra = {EXTRASAMPLE_UNSPECIFIED}}), "x.tif"), image.narrow(2, 0, 3)))
      << "padding, as in Pillow";
}

TEST(Tiff, ReadsJpegInside) {
  const auto down = torch::linspace(20, 200, 32).view({32, 1, 1});
  const auto smooth = (down + 5 * torch::arange(3)).expand({32, 48, 3}).to(torch::kUInt8).contiguous();
  for (const uint16_t photometric : {PHOTOMETRIC_YCBCR, PHOTOMETRIC_RGB}) {
    const auto image =
        decode_image(raw_tiff(smooth, {.compression = COMPRESSION_JPEG, .photometric = photometric}), "x.tif");
    EXPECT_LE((image.to(torch::kInt) - smooth.to(torch::kInt)).abs().max().item<int>(), 4) << photometric;
  }
}

TEST(Tiff, IsBroughtUprightByItsTag) {
  const auto image = noise(8, 12, 3);
  const auto bytes = raw_tiff(image, {.orientation = 6});
  ImageNotes notes;
  EXPECT_TRUE(torch::equal(decode_image(bytes, "x.tif", {}, &notes), torch::rot90(image, 3, {0, 1})));
  EXPECT_EQ(notes.orientation, 6);
  EXPECT_TRUE(torch::equal(decode_image(bytes, "x.tif", {.orientation = Orientation::ignore}), image));
  EXPECT_TRUE(
      torch::equal(decode_image(bytes, "x.tif", {.orientation = Orientation::pillow}), torch::rot90(image, 3, {0, 1})))
      << "Pillow turns TIFF when it opens it";
  // Kinds that libtiff converts are turned by us as well.
  const auto inks = raw_tiff(noise(8, 12, 4), {.photometric = PHOTOMETRIC_SEPARATED, .orientation = 6});
  EXPECT_TRUE(torch::equal(decode_image(inks, "x.tif"),
                           torch::rot90(decode_image(inks, "x.tif", {.orientation = Orientation::ignore}), 3, {0, 1})));
}

TEST(Tiff, TellsOfFurtherPages) {
  ImageNotes notes;
  const auto image = noise(8, 8, 1);
  EXPECT_TRUE(torch::equal(
      decode_image(raw_tiff(image, {.photometric = PHOTOMETRIC_MINISBLACK, .pages = 3}), "x.tif", {}, &notes), image));
  EXPECT_TRUE(notes.more_pages);
  decode_image(raw_tiff(image, {.photometric = PHOTOMETRIC_MINISBLACK}), "x.tif", {}, &notes);
  EXPECT_FALSE(notes.more_pages);
}

TEST(Tiff, RefusesWhatIsNoImageOfBlackAndWhite) {
  const auto floats = torch::rand({4, 4, 1});
  EXPECT_THAT(
      message_of([&] {
        decode_image(
            raw_tiff(floats, {.photometric = PHOTOMETRIC_MINISBLACK, .bits = 32, .format = SAMPLEFORMAT_IEEEFP}),
            "ct.tif");
      }),
      AllOf(HasSubstr("ct.tif"), HasSubstr("floating-point numbers of 32 bits"), HasSubstr("up to 16 bits"),
            HasSubstr(".npy")));
  const auto shorts = noise(4, 4, 1).to(torch::kShort);
  EXPECT_THAT(message_of([&] {
                decode_image(
                    raw_tiff(shorts, {.photometric = PHOTOMETRIC_MINISBLACK, .bits = 16, .format = SAMPLEFORMAT_INT}),
                    "ct.tif");
              }),
              AllOf(HasSubstr("ct.tif"), HasSubstr("signed")));
  EXPECT_THAT(message_of([&] {
                decode_image(raw_tiff(noise(4, 4, 3), {.photometric = PHOTOMETRIC_MINISBLACK, .extra = {0, 0}}),
                             "cells.tif");
              }),
              AllOf(HasSubstr("cells.tif"), HasSubstr("3 channels")));
}

TEST(Tiff, ChecksTheSizeBeforeTakingMemory) {
  auto bytes = raw_tiff(noise(16, 16, 1), {.photometric = PHOTOMETRIC_MINISBLACK, .mode = "wl"});
  const auto entry = [&](uint16_t tag) {  // of the directory; a wide number in its last four bytes
    uint32_t directory = 0;
    std::memcpy(&directory, bytes.data() + 4, 4);
    for (size_t at = directory + 2;; at += 12) {
      uint16_t found = 0;
      std::memcpy(&found, bytes.data() + at, 2);
      if (found == tag) return at;
    }
  };
  for (const uint16_t tag : {TIFFTAG_IMAGEWIDTH, TIFFTAG_IMAGELENGTH}) {
    const uint16_t type = 4;
    const uint32_t huge = 65000;
    std::memcpy(bytes.data() + entry(tag) + 2, &type, 2);
    std::memcpy(bytes.data() + entry(tag) + 8, &huge, 4);
  }
  EXPECT_THAT(message_of([&] { decode_image(bytes, "bomb.tif"); }),
              AllOf(HasSubstr("bomb.tif"), HasSubstr("65000 x 65000"), HasSubstr("too large")));
}

TEST(Tiff, RefusesTruncationAndSurvivesDamage) {
  const auto image = noise(20, 20, 3);
  for (const auto& good : {raw_tiff(image, {.compression = COMPRESSION_LZW}),
                           raw_tiff(image, {.planes = PLANARCONFIG_SEPARATE, .tiled = true}), encode_tiff(image),
                           raw_tiff(image, {.compression = COMPRESSION_JPEG, .photometric = PHOTOMETRIC_YCBCR})}) {
    for (size_t length = 4; length < good.size(); length += 7) {
      // Exactly so much memory, so that the sanitizer sees a byte too many.
      const std::vector<char> exact(good.begin(), good.begin() + static_cast<int64_t>(length));
      EXPECT_THAT(message_of([&] { decode_image({exact.data(), exact.size()}, "cut.tif"); }), HasSubstr("cut.tif"))
          << length;
    }
    for (size_t at = 4; at < good.size(); at += 3) {
      auto bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
      try {
        decode_image(bytes, "bad.tif");
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("bad.tif")) << at;
      }
    }
  }
}

}  // namespace
}  // namespace monge::io

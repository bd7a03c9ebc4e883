#include "monge/io/orientation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "monge/core/error.h"
#include "monge/io/image.h"
#include "tests/io/odd_images.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using testing::exif_block;
using testing::jpeg_with_exif;
using testing::png_with_exif;
using testing::webp_with_exif;

torch::Tensor noise_image(int64_t height, int64_t width, int64_t channels) {
  torch::manual_seed(7);
  return torch::randint(0, 256, {height, width, channels}, torch::kUInt8);
}

/// What Pillow's ImageOps.exif_transpose does, as its source says it: transpose, rotate_90 (against the clock), and so
/// on. The same files, written out, were compared with Pillow 12 once: equal for the eight orientations, four formats
/// and both byte orders.
torch::Tensor as_pillow(const torch::Tensor& image_HWC, int orientation) {
  switch (orientation) {
    case 2:
      return image_HWC.flip(1);
    case 3:
      return image_HWC.flip({0, 1});
    case 4:
      return image_HWC.flip(0);
    case 5:
      return image_HWC.transpose(0, 1);
    case 6:
      return torch::rot90(image_HWC, 3, {0, 1});
    case 7:
      return image_HWC.transpose(0, 1).flip({0, 1});
    case 8:
      return torch::rot90(image_HWC, 1, {0, 1});
    default:
      return image_HWC;
  }
}

TEST(Orientation, TurnsAsPillowDoes) {
  for (int orientation = 0; orientation <= 9; ++orientation) {
    for (int64_t channels = 1; channels <= 4; ++channels) {
      const auto image = noise_image(37, 70, channels);  // more than a tile each way
      EXPECT_TRUE(torch::equal(upright(image, orientation), as_pillow(image, orientation)))
          << orientation << ", " << channels;
      const auto deep = testing::deep_image(image.to(torch::kInt) * 257);
      EXPECT_TRUE(
          torch::equal(upright(deep, orientation).to(torch::kInt), as_pillow(image, orientation).to(torch::kInt) * 257))
          << orientation;
    }
  }
}

TEST(Orientation, IsReadFromEveryFormatInBothByteOrders) {
  const auto image = noise_image(16, 24, 3);
  const auto jpeg = encode_jpeg(image, 95), png = encode_png(image), webp = encode_webp(image, 100);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const bool big : {false, true}) {
      const auto block = exif_block(static_cast<uint32_t>(orientation), big);
      for (const auto& [name, plain, turned] : {std::tuple{"a.jpg", jpeg, jpeg_with_exif(jpeg, block)},
                                                {"a.png", png, png_with_exif(png, block.substr(6))},
                                                {"prefix.png", png, png_with_exif(png, block)},
                                                {"end.png", png, png_with_exif(png, block.substr(6), /*at_end=*/true)},
                                                {"a.webp", webp, webp_with_exif(webp, block.substr(6), 16, 24)},
                                                {"prefix.webp", webp, webp_with_exif(webp, block, 16, 24)}}) {
        ImageNotes notes;
        const auto stored = decode_image(plain, name);
        EXPECT_TRUE(torch::equal(decode_image(turned, name, {}, &notes), as_pillow(stored, orientation)))
            << name << ' ' << orientation << ' ' << big;
        EXPECT_EQ(notes.orientation, orientation) << name;
        EXPECT_EQ(notes.upright, orientation != 1) << name;
        for (const auto rule : {Orientation::ignore, Orientation::pillow}) {
          EXPECT_TRUE(torch::equal(decode_image(turned, name, {.orientation = rule}, &notes), stored)) << name;
          EXPECT_EQ(notes.orientation, orientation) << name;
          EXPECT_FALSE(notes.upright) << name;
        }
      }
    }
  }
}

TEST(Orientation, IsOneWhereTheTagSaysNone) {
  EXPECT_EQ(exif_orientation(exif_block(6)), 6);
  for (const uint32_t wrong : {0u, 9u, 255u, 65535u}) EXPECT_EQ(exif_orientation(exif_block(wrong)), 1) << wrong;
  EXPECT_EQ(exif_orientation(""), 1);
  EXPECT_EQ(exif_orientation("Exif"), 1);
  // The second directory is of the thumbnail (orientation 3 in all these blocks).
  EXPECT_EQ(exif_orientation(exif_block({{.tag = 0x0128, .value = 2}}, false)), 1);
  EXPECT_EQ(exif_orientation(exif_block(std::vector<testing::ExifEntry>{}, true)), 1);
  // Whole numbers of four bytes are taken; two values, bytes and text are not, as in Pillow; of two entries the last
  // counts.
  EXPECT_EQ(exif_orientation(exif_block({{.type = 4, .value = 8}}, true)), 8);
  EXPECT_EQ(exif_orientation(exif_block({{.type = 3, .count = 2, .value = 8}}, false)), 1);
  EXPECT_EQ(exif_orientation(exif_block({{.type = 2, .value = 8}}, false)), 1);
  EXPECT_EQ(exif_orientation(exif_block({{.value = 6}, {.value = 3}}, false)), 3);
}

TEST(Orientation, IsNotReadOutOfWhatIsNoHeaderOfTheFile) {
  const auto jpeg = encode_jpeg(noise_image(16, 24, 3), 95);
  // Behind the end of the image; in a segment that is not APP1; with a length that reaches beyond the file.
  for (const auto& odd :
       {jpeg + "\xff\xe1" + exif_block(6), jpeg_with_exif(jpeg, "http://ns.adobe.com/xap/1.0/" + exif_block(6))}) {
    ImageNotes notes;
    decode_image(odd, "x.jpg", {}, &notes);
    EXPECT_EQ(notes.orientation, 1);
  }
}

TEST(Orientation, DamagedExifBreaksNothing) {
  const auto image = noise_image(16, 24, 3);
  const auto jpeg = encode_jpeg(image, 95), png = encode_png(image), webp = encode_webp(image, 100);
  const auto good = exif_block(6);
  // Every cut of the block, in memory of exactly that size so that the sanitizer sees a byte too many.
  for (size_t length = 0; length <= good.size(); ++length) {
    const std::vector<char> exact(good.begin(), good.begin() + static_cast<int64_t>(length));
    const int found = exif_orientation({exact.data(), exact.size()});
    EXPECT_TRUE(found == 1 || found == 6) << length;
    EXPECT_EQ(decode_image(jpeg_with_exif(jpeg, good.substr(0, length)), "x.jpg").numel(), image.numel());
    EXPECT_EQ(decode_image(png_with_exif(png, good.substr(0, length)), "x.png").numel(), image.numel());
    EXPECT_EQ(decode_image(webp_with_exif(webp, good.substr(0, length), 16, 24), "x.webp").numel(), image.numel());
  }
  // Every byte changed, among them offsets and counts that point far outside.
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char mask : {'\x01', '\x80', '\xff'}) {
      std::vector<char> bad(good.begin(), good.end());
      bad[at] = static_cast<char>(bad[at] ^ mask);
      const int found = exif_orientation({bad.data(), bad.size()});
      EXPECT_TRUE(found >= 1 && found <= 8) << at;
    }
  }
}

}  // namespace
}  // namespace monge::io

#include "monge/core/image_size.h"

#include <gtest/gtest.h>

namespace monge {
namespace {

TEST(ImageSizeText, IsANumberForSquaresAndElseWidthByHeight) {
  EXPECT_EQ(text_of(64), "64");
  EXPECT_EQ(text_of({96, 64}), "96x64");
  EXPECT_EQ(parse_image_size("64"), ImageSize(64, 64));
  EXPECT_EQ(parse_image_size("96x64"), ImageSize(96, 64));
  EXPECT_EQ(parse_image_size("64x64"), ImageSize(64));
  EXPECT_TRUE(ImageSize(64).square());
  EXPECT_FALSE(ImageSize(96, 64).square());
}

TEST(ImageSizeText, RefusesAllElse) {
  for (const char* wrong : {"", "x", "64x", "x64", "6 4", "-64", "64x-1", "64.0", "64x64x3", "123456", "0x1F", "64X64"})
    EXPECT_FALSE(parse_image_size(wrong)) << wrong;
  EXPECT_EQ(parse_image_size("0x16"), ImageSize(0, 16));  // whoever takes a size checks its range
}

}  // namespace
}  // namespace monge

#include "monge/core/image_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/option_rows.h"
#include "tests/support/support.h"

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

/// A table with one option of this type.
struct SizeTable {
  ImageSize size = 64;
  OptionTable table;

  SizeTable() {
    OptionRows rows("a");
    rows.add("size", size, "size of the images").range(8, 4096);
    table.add_section("a", "A", rows.take());
  }
  std::string written() const { return OptionTable::to_toml(table.at("a.size", "test")); }
};

TEST(ImageSizeOption, ReadsNumbersAndTextsAndWritesSquaresAsNumbers) {
  SizeTable sizes;
  EXPECT_EQ(sizes.written(), "64");
  sizes.table.set("a.size", int64_t{32}, "test");
  EXPECT_EQ(sizes.written(), "32");
  sizes.table.set("a.size", std::string("96x64"), "test");
  EXPECT_EQ(sizes.size, ImageSize(96, 64));
  EXPECT_EQ(sizes.written(), "\"96x64\"");
  for (const char* given : {"a.size=48x48", "a.size=48", "a.size=\"48\"", "a.size=\"48x48\""}) {
    sizes.table.assign(given, "--set");
    EXPECT_EQ(sizes.written(), "48") << given;
  }
  sizes.table.assign("a.size=40x16", "--set");
  EXPECT_EQ(sizes.size, ImageSize(40, 16));
}

TEST(ImageSizeOption, RefusesWhatIsNoSizeAndSidesOutOfRange) {
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  const SizeTable sizes;
  const auto message = [&](const OptionValue& value) {
    return testing::message_of([&] { sizes.table.set("a.size", value, "test"); });
  };
  EXPECT_THAT(message(std::string("96 by 64")),
              AllOf(HasSubstr("a.size must be a whole number or \"WIDTHxHEIGHT\""), HasSubstr("8 to 4096")));
  EXPECT_THAT(message(64.5), HasSubstr("must be a whole number or"));
  EXPECT_THAT(message(int64_t{7}), AllOf(HasSubstr("out of range"), HasSubstr("got 7")));
  EXPECT_THAT(message(std::string("64x5000")), AllOf(HasSubstr("out of range"), HasSubstr("64x5000")));
  EXPECT_EQ(sizes.size, ImageSize(64));
}

}  // namespace
}  // namespace monge
